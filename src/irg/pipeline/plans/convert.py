"""A plan of turns as a plan of steps, which says the same."""

from dataclasses import asdict
from typing import Any

from irg.core.values import chosen
from irg.engine import Renorm
from irg.pipeline.plans.plan_file import StepPlan
from irg.pipeline.settings import Plan, Settings, TurnPlan

_FORMS = {(True, True): "cv", (True, False): "c", (False, True): "v"}


def steps_of(plan: Plan, settings: Settings, stop_when_right: bool = False) -> StepPlan:
    """The steps of a plan of turns, of which those after the first are alike. Raises ValueError for others.

    A text branch keeps what came before the newest instruction, an image branch all texts.
    """
    first, *later = plan.turns
    if any(turn != later[0] for turn in later):
        raise ValueError("a plan whose turns after the first differ: expected them to be alike")
    system = plan.prompt_before(settings)
    begun: list[Any] = [*(["system"] if system else []), "prompt", *(["T"] if first.think else [])]
    content: dict[str, Any] = {
        "plan": 1,
        "system": {"text": system} if system else "none",
        "size": [plan.width, plan.height],
        "write_defaults": asdict(plan.text),
        "first": [
            *([{"write": "T", "reads": begun[:-1]}] if first.think else []),
            _draw("I", begun, {"text_branch": begun[: bool(system)]}, first),
        ],
        "returns": "all",
        "preview_every": plan.preview_every,
    }
    if later:
        content |= {"repeat": _repeated(begun, later[0]), "max_repeats": len(later)}
    return StepPlan.model_validate(content | {"stop_when_right": stop_when_right and bool(later)})


def _repeated(begun: list[Any], turn: TurnPlan) -> list[dict[str, Any]]:
    form = _FORMS.get((turn.clean, turn.view))
    passed = [*(["R"] if turn.think else []), *([f"J:{form}"] if form else [])]
    before = [*begun, *([f"I:{form}"] if form else []), *([{"each": passed}] if passed else [])]
    branches: dict[str, Any] = {"image_branch": "texts"} if form else {}
    if not turn.think:
        # Nothing is newer than what was drawn last: a text branch would be all that is read.
        return [_draw("J", before, branches, turn)]
    branches["text_branch"] = {"without": ["R"]}
    return [{"write": "R", "reads": before}, _draw("J", [*before, "R"], branches, turn)]


def _draw(name: str, reads: list[Any], branches: dict[str, Any], turn: TurnPlan) -> dict[str, Any]:
    guidance, saving = asdict(turn.guidance), asdict(turn.saving)
    numbers = {"points": turn.num_points, "shift": turn.shift, **saving, **guidance}
    numbers["renorm"] = chosen("renorm", numbers["renorm"], Renorm)
    return {"draw": name, "reads": reads, **branches, **numbers}
