"""How fast episodes are: measured by phases, against what the machine reached in the same run."""
