"""Scorers: models that find something out about pictures, as parts. They know nothing of benchmarks.

Each is loaded when it is used, on the device asked for, and says what it is (`identity`). They prepare
pictures by Pillow and torch, as the programs do whose numbers they are compared with.
"""
