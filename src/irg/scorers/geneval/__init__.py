"""GenEval's scorer: what a detector and CLIP find in a picture, against what its prompt asks for."""
