"""GenEval: objects that a detector finds, and colours that CLIP tells, against what the prompt asked for."""
