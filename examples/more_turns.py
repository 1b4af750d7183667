"""Reflect three times, and keep every picture."""

import sys

from irg import load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

trace = pipeline("two red hearts right of a blue star", pipeline.settings.plan(turns=4), seed=7)
for number, turn in enumerate(trace.turns, start=1):
    print(f"{number}: {turn.thought}")
    turn.image.save(f"turn{number}.png")
