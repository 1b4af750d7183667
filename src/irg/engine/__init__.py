"""Running a model by rows: strands of context, text sampling, guided flow sampling.

A row of context is a value (`Strand`), and so are a text and an image on their way (`Line`, `Sketch`).
Batches are put together for each pass; `write` and `denoise` are the loops for rows that go in step.
"""

from irg.engine.draws import Draws, SeededDraws
from irg.engine.flow import Easel, denoise, shifted_schedule
from irg.engine.guidance import Branch, Guidance, Renorm
from irg.engine.line import Line
from irg.engine.pool import SlotPool
from irg.engine.reading import append
from irg.engine.sampling import TextSampling
from irg.engine.saving import EXACT, Saving, Solver
from irg.engine.sketch import Sketch
from irg.engine.steady import Desk
from irg.engine.stepping import Sampler, Stepping, StepTaken, Stirred
from irg.engine.strand import Strand, copies, longest_beginning, new_strands
from irg.engine.team import ALONE, Parallel, Team
from irg.engine.text import Writing, closed, log_likelihood, token_logs, write, write_on

__all__ = [
    "ALONE",
    "EXACT",
    "Branch",
    "Desk",
    "Draws",
    "Easel",
    "Guidance",
    "Line",
    "Parallel",
    "Renorm",
    "Sampler",
    "Saving",
    "SeededDraws",
    "Sketch",
    "SlotPool",
    "Solver",
    "StepTaken",
    "Stepping",
    "Stirred",
    "Strand",
    "Team",
    "TextSampling",
    "Writing",
    "append",
    "closed",
    "copies",
    "denoise",
    "log_likelihood",
    "longest_beginning",
    "new_strands",
    "shifted_schedule",
    "token_logs",
    "write",
    "write_on",
]
