"""Rows: from traces to the learning modes, as pure functions."""
