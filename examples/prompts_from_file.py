"""Draw each line of prompts.txt; whatever the model's world does not have is told as a warning."""

import sys
from pathlib import Path

from irg import load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

prompts = Path("prompts.txt").read_text().splitlines()
for number, trace in enumerate(pipeline.many(prompts)):
    trace.image.save(f"prompt{number}.png")
