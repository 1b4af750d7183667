"""Draw a picture, ask about it, and change it."""

import sys

from irg import load_pipeline, trace_of

pipeline = load_pipeline(*sys.argv[1:])

drawn = pipeline("a green star above a yellow circle")
print(pipeline.answer(drawn.image, "How many circles are there?"))
edited = trace_of(pipeline.edit(drawn.image, "make the circle red"))
edited.image.save("edited.png")
