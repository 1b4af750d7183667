"""OneIG-Bench in English: alignment, text, reasoning, style and diversity."""
