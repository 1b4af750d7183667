"""GenAI-Bench: prompts of ten skills, and the VQAScore of each picture."""
