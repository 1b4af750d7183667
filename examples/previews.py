"""Watch a picture form: one preview for each step of drawing."""

import sys
from dataclasses import replace

from irg import DenoisingStep, load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

plan = replace(pipeline.settings.plan(turns=1), preview_every=1)
for event in pipeline.generate("a purple square", plan):
    if isinstance(event, DenoisingStep) and event.preview:
        event.preview.save(f"step{event.index}.png")
