"""Begin with a picture of one's own, and have the model draw it better."""

import sys

from PIL import Image, ImageDraw

from irg import load_pipeline

pipeline = load_pipeline(*sys.argv[1:])

sketch = Image.new("RGB", (128, 128), "white")
ImageDraw.Draw(sketch).ellipse((30, 40, 90, 90), fill="green")
trace = pipeline("a green circle", image=sketch)
print(trace.turns[1].thought)
trace.image.save("better.png")
