"""Running a model: contexts and their caches, text sampling, guided flow sampling."""

from irg.engine.context import Context, append, new_context
from irg.engine.draws import Draws, SeededDraws
from irg.engine.flow import Canvas, Step, denoise, shifted_schedule
from irg.engine.guidance import Branch, Guidance, Renorm
from irg.engine.saving import Saving, Solver
from irg.engine.text import TextSampling, Writing, log_likelihood, write

__all__ = [
    "Branch",
    "Canvas",
    "Context",
    "Draws",
    "Guidance",
    "Renorm",
    "Saving",
    "SeededDraws",
    "Solver",
    "Step",
    "TextSampling",
    "Writing",
    "append",
    "denoise",
    "log_likelihood",
    "new_context",
    "shifted_schedule",
    "write",
]
