"""GenEval 2: one question for each atom of a prompt, answered by how likely a model finds the right word."""
