"""The same prompt from nine seeds, on one sheet."""

import sys

from irg import grid, load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

prompts, plan = ["a large orange star"] * 9, pipeline.settings.plan(turns=1)
grid(pipeline.many(prompts, plan, seeds=range(9)), columns=3).save("seeds.png")
