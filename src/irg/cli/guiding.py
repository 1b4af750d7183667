"""Options of guidance: how far to push away from what would be drawn without the text, or the pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from irg.pipeline import Plan
    from irg.pipeline.plans import StepPlan


def _option(said: str, metavar: str | None = None, most: float | None = None) -> typer.models.OptionInfo:
    least = None if most is None else 0.0
    said = f"{said} Default: the checkpoint's, for each turn."
    return typer.Option(help=said, metavar=metavar, rich_help_panel="Guidance", min=least, max=most)


@dataclass(frozen=True)
class Guiding:
    """What is changed of the guidance of every turn; None leaves it."""

    text_scale: Annotated[
        float | None, _option("How far away from the picture without the newest text; 1 is off.", "SCALE")
    ] = None
    image_scale: Annotated[
        float | None, _option("How far away from the picture without the pictures before; 1 is off.", "SCALE")
    ] = None
    guided: Annotated[
        tuple[float, float] | None,
        _option("Times between 0 (the picture) and 1 (noise) at which guidance is on.", "LOW HIGH"),
    ] = None
    renorm: Annotated[
        Literal["none", "global", "channel", "text_channel"] | None,
        _option("What is scaled back to the length it had before: the whole picture, each token, or none."),
    ] = None
    renorm_min: Annotated[
        float | None, _option("To no less than this share of its length is it scaled.", "SHARE", 1.0)
    ] = None

    def apply(self, plan: "Plan | StepPlan") -> "Plan | StepPlan":
        return plan.with_guidance(
            self.text_scale, self.image_scale, self.guided, self.renorm, self.renorm_min
        )
