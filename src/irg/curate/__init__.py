"""Curation: making a training set of traces from prompts, a teacher, and the student's own pictures."""
