"""TIIF-Bench: how well short and long instructions are followed, by yes-or-no questions to a judge."""
