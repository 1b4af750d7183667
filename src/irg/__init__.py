"""irg: interleaved reasoning generation.

One transformer thinks in text, draws an image, looks at what it drew, reflects, and draws a better one.

    from irg import load_pipeline

    pipeline = load_pipeline()
    pipeline("a green star above a yellow circle").image.save("star.png")

The names below are imported when they are first used, so that importing this module costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irg.core.events import DenoisingStep, Done, ImageDone, ThoughtDelta, ThoughtDone, trace_of
    from irg.core.trace import Trace, Turn, Verdict
    from irg.engine import Guidance, Renorm, Saving, Solver, TextSampling
    from irg.pipeline import Pipeline, Plan, Rollout, Settings, TurnPlan, load_pipeline
    from irg.pipeline.answer import Answered
    from irg.pipeline.grid import grid
    from irg.pipeline.overview import save_all
    from irg.pipeline.plans import StepPlan
    from irg.pipeline.plans.reading import read_plan
    from irg.pipeline.plans.runner import PlanRun
    from irg.pipeline.replay import OtherModelWarning
    from irg.pipeline.report import save_episode
    from irg.pipeline.scenes import OutsideWorldWarning

__version__ = "0.1.0"

_HOMES = {
    "irg.core.events": ("DenoisingStep", "Done", "ImageDone", "ThoughtDelta", "ThoughtDone", "trace_of"),
    "irg.core.trace": ("Trace", "Turn", "Verdict"),
    "irg.engine": ("Guidance", "Renorm", "Saving", "Solver", "TextSampling"),
    "irg.pipeline": ("Pipeline", "Plan", "Rollout", "Settings", "TurnPlan", "load_pipeline"),
    "irg.pipeline.answer": ("Answered",),
    "irg.pipeline.grid": ("grid",),
    "irg.pipeline.overview": ("save_all",),
    "irg.pipeline.plans": ("StepPlan",),
    "irg.pipeline.plans.reading": ("read_plan",),
    "irg.pipeline.plans.runner": ("PlanRun",),
    "irg.pipeline.replay": ("OtherModelWarning",),
    "irg.pipeline.report": ("save_episode",),
    "irg.pipeline.scenes": ("OutsideWorldWarning",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Answered",
    "DenoisingStep",
    "Done",
    "Guidance",
    "ImageDone",
    "OtherModelWarning",
    "OutsideWorldWarning",
    "Pipeline",
    "Plan",
    "PlanRun",
    "Renorm",
    "Rollout",
    "Saving",
    "Settings",
    "Solver",
    "StepPlan",
    "TextSampling",
    "ThoughtDelta",
    "ThoughtDone",
    "Trace",
    "Turn",
    "TurnPlan",
    "Verdict",
    "grid",
    "load_pipeline",
    "read_plan",
    "save_all",
    "save_episode",
    "trace_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'irg' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
