"""irg: interleaved reasoning generation.

One transformer thinks in text, draws an image, looks at what it drew, reflects, and draws a better one.
Import what you need from the subpackages; this module holds only the version, so importing it costs
nothing.
"""

__version__ = "0.1.0"
