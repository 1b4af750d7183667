"""Draw many prompts, and save each with a page over all of them."""

import sys

from irg import load_pipeline, save_all

pipeline = load_pipeline(*sys.argv[1:])

prompts = ["a green star", "three pink hearts", "a red circle left of a blue square"]
page = save_all(pipeline.many(prompts), "runs/many")
print(f"open {page}")
