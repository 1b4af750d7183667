"""The server under load: what `make load` runs, and no test."""
