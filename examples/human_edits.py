"""Put your own words in the place of the model's, before it draws by them."""

import sys

from irg import load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

trace = pipeline(
    "a green star above a yellow circle",
    revise=lambda so_far, thought: input(f"{thought}\nEnter keeps it, or write your own: ") or thought,
)
trace.save("runs/edited")
