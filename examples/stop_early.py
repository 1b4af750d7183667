"""Reflect up to four times, but only until the model finds nothing wrong any more."""

import sys

from irg import load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

plan, enough = pipeline.settings.plan(turns=5), "Nothing is wrong"
trace = pipeline("three pink hearts", plan, until=lambda so_far: enough in so_far.turns[-1].thought)
print(f"{len(trace.turns)} pictures")
