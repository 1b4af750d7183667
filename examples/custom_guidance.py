"""Draw with guidance of one's own, in eight steps."""

import sys

from irg import load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

plan = pipeline.settings.plan(turns=1).with_guidance(text_scale=2.0, interval=(0.4, 1.0))
trace = pipeline("a green star above a yellow circle", plan.with_drawing(steps=8))
trace.image.save("guided.png")
