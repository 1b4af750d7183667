"""What is wrong with a plan that has all its keys: names that nobody wrote, branches of what is not read."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from irg.pipeline.plans.pieces import (
    IMAGE_FORMS,
    INPUT,
    NEWEST,
    PROMPT,
    RESERVED,
    ROUND,
    SYSTEM,
    Each,
    EmptyAt,
    Piece,
    PieceName,
    Pieces,
    Say,
    TextForm,
    Without,
    places_in,
)
from irg.pipeline.plans.steps import DrawStep, Meaning, Step, Steps, WriteStep

if TYPE_CHECKING:
    from irg.pipeline.plans.plan_file import StepPlan

Location = tuple[int | str, ...]


class _Fault(NamedTuple):
    """What is wrong, where (with the tags that pydantic puts into places), and the value there."""

    place: Location
    value: Any
    said: str
    kind: Literal["plan", "missing"] = "plan"


@dataclass
class _Known:
    """What has been written and drawn before a step, and what all steps write and draw."""

    plan: "StepPlan"
    texts: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    is_repeated: bool = False

    def add(self, step: Step) -> None:
        if isinstance(step, DrawStep):
            self.images.add(step.draw)
        else:
            self.texts.add(step.write)


def check(plan: "StepPlan") -> None:
    """Raise ValidationError for what cannot be run."""
    if faults := list(_faults(plan)):
        details = [
            InitErrorDetails(
                type=PydanticCustomError(fault.kind, "{said}", {"said": fault.said}),
                loc=fault.place,
                input=fault.value,
            )
            for fault in faults
        ]
        raise ValidationError.from_exception_data("plan", details)


def remarks(plan: "StepPlan") -> list[str]:
    """What is no mistake, but may surprise."""
    found = []
    for step in plan.steps:
        if not isinstance(step, DrawStep):
            continue
        branch = _branch(step.image_branch, step)
        text_scale = step.text_scale or plan.draw_defaults.text_scale
        image_scale = step.image_scale or plan.draw_defaults.image_scale
        if branch == step.reads and step.text_branch != "none" and text_scale and image_scale:
            scale = 1 + image_scale * (text_scale - 1)
            found.append(
                f"{step.draw}: the image branch is all that is read, so the text scale {text_scale:g} counts "
                f"as {scale:g}"
            )
    return found


def _faults(plan: "StepPlan") -> Iterator[_Fault]:
    if not plan.steps:
        yield _Fault((), {}, "a plan needs steps: expected first, repeat or both")
    if plan.repeat and plan.max_repeats is None:
        yield _Fault(("max_repeats",), None, "repeat has to end: expected how often at most", "missing")
    if plan.max_repeats is not None and not plan.repeat:
        yield _Fault(("max_repeats",), plan.max_repeats, "there is no repeat")
    if plan.closing_write and not (plan.repeat and isinstance(plan.repeat[0], WriteStep)):
        yield _Fault(("closing_write",), True, "repeat does not begin with a text")
    if plan.stop_when_right and not any(isinstance(step, WriteStep) for step in plan.repeat):
        yield _Fault(("stop_when_right",), True, "repeat has no text that could say so")
    yield from _doubles(plan)
    known = _Known(plan)
    for phase in ("first", "repeat"):
        known.is_repeated = phase == "repeat"
        for index, step in enumerate(getattr(plan, phase)):
            tag = "draw" if isinstance(step, DrawStep) else "write"
            for fault in _faults_of_step(step, known):
                yield fault._replace(place=(phase, index, tag, *fault.place))
            known.add(step)


def _doubles(plan: "StepPlan") -> Iterator[_Fault]:
    """Names that are taken, or mean a text here and a picture there."""
    texts = {step.write for step in plan.steps if isinstance(step, WriteStep)}
    for phase in ("first", "repeat"):
        for index, step in enumerate(getattr(plan, phase)):
            tag, name = ("draw", step.draw) if isinstance(step, DrawStep) else ("write", step.write)
            if name in RESERVED:
                yield _Fault((phase, index, tag, tag), name, "the name has a meaning of its own")
            elif tag == "draw" and name in texts:
                yield _Fault((phase, index, tag, tag), name, "the name is that of a text")


def _faults_of_step(step: Step, known: _Known) -> Iterator[_Fault]:
    yield from _faults_of_pieces(("reads",), step.reads, known)
    if isinstance(step, WriteStep):
        yield from _faults_of_text(step, known)
        return
    for name in ("text_branch", "image_branch"):
        branch = getattr(step, name)
        if isinstance(branch, tuple):
            yield from _outside((name,), branch, step.reads)
        elif isinstance(branch, Without):
            for index, piece in enumerate(branch.without):
                if piece not in step.reads:
                    yield _Fault((name, "without", index), piece, "it is no part of what is read")
        elif isinstance(branch, EmptyAt) and branch.empty_at != step.reads[: len(branch.empty_at)]:
            yield _Fault((name,), list(branch.empty_at), "what is read does not begin with it")


def _outside(place: Location, branch: Pieces, reads: Pieces) -> Iterator[_Fault]:
    """Pieces of a branch that are no part of what is read, or not in this order."""
    rest: Sequence[Piece] = reads
    for index, piece in enumerate(branch):
        if piece not in rest:
            why = "it is read before" if piece in reads else "it is no part of what is read"
            yield _Fault((*place, index), _plain(piece), why)
        else:
            rest = rest[list(rest).index(piece) + 1 :]


def _faults_of_text(step: WriteStep, known: _Known) -> Iterator[_Fault]:
    patterns: list[tuple[Location, str]] = [(("must", index), one) for index, one in enumerate(step.must)]
    patterns += [(("fields", name), one) for name, one in step.fields.items()]
    for name in ("stop_if", "draw_if"):
        meaning = getattr(step, name)
        if isinstance(meaning, Meaning) and meaning.matches:
            patterns.append(((name, "matches"), meaning.matches))
    for place, pattern in patterns:
        try:
            groups = re.compile(pattern).groups
        except re.error as wrong:
            yield _Fault(place, pattern, f"no regular expression: {wrong}")
            continue
        if place[0] == "fields" and not groups:
            yield _Fault(place, pattern, "expected a group, which is the field's value")
    yield from _unknown_places(("prefix",), step.prefix, {PROMPT, ROUND} | known.texts)
    if step.canonical is not None:
        yield from _unknown_places(("canonical",), step.canonical, {PROMPT, ROUND} | {*step.fields})
    elif step.fields:
        yield _Fault(("fields",), {}, "nobody reads them: expected canonical too")


def _unknown_places(place: Location, template: str, known: set[str]) -> Iterator[_Fault]:
    for name in places_in(template):
        if name not in known:
            yield _Fault(place, template, f"{{{name}}} stands for nothing: expected one of {_listed(known)}")


def _faults_of_pieces(place: Location, pieces: Pieces, known: _Known) -> Iterator[_Fault]:
    for index, piece in enumerate(pieces):
        here = (*place, index)
        if isinstance(piece, Say):
            yield from _unknown_places((*here, "say", "say"), piece.say, {PROMPT, ROUND} | known.texts)
        elif isinstance(piece, Each):
            if not known.is_repeated:
                yield _Fault((*here, "each", "each"), list(piece.each), "only steps of repeat have passes")
                continue
            whole = _Known(known.plan, is_repeated=True)
            for step in known.plan.repeat:
                whole.add(step)
            for inner, name in enumerate(piece.each):
                if said := _fault_of_name(name, whole, within_each=True):
                    yield _Fault((*here, "each", "each", inner), name, said)
        elif said := _fault_of_name(piece, known):
            yield _Fault(here, piece, said)


def _fault_of_name(piece: str, known: _Known, within_each: bool = False) -> str | None:
    name, part, form = PieceName.of(piece)
    if part and name != SYSTEM:
        return "only system has parts"
    if name == SYSTEM:
        return _fault_of_system(part, form, known)
    if name == PROMPT:
        return f"a prompt has no form {form!r}" if form else None
    if name in (INPUT, NEWEST) or name in known.images:
        if name == NEWEST and not known.images and not known.plan.reads_input:
            return "no picture is drawn before it or given"
        return None if form in IMAGE_FORMS else f"a picture is read as {_listed(IMAGE_FORMS)}: {name}:cv"
    if name in known.texts:
        return _fault_of_form(name, form, known.plan.steps)
    return _fault_of_unknown(name, known, within_each)


def _fault_of_system(part: str, form: str, known: _Known) -> str | None:
    systems = known.plan.systems
    if form:
        return f"a system prompt has no form {form!r}"
    if part and part not in systems:
        return f"expected one of {_listed(f'{SYSTEM}.{name}' for name in systems) or SYSTEM}"
    if not part and systems and known.plan.system == "none":
        return f"which one is meant: expected one of {_listed(f'{SYSTEM}.{name}' for name in systems)}"
    return None


def _fault_of_form(name: str, form: str, steps: Steps) -> str | None:
    if form not in list(TextForm):
        return f"a text is read as {name}, {name}:{TextForm.WHOLE} or {name}:{TextForm.CANONICAL}"
    if form == TextForm.CANONICAL:
        writers = [step for step in steps if isinstance(step, WriteStep) and step.write == name]
        if any(step.canonical is None for step in writers):
            return f"the step that writes {name} has no canonical"
    return None


def _fault_of_unknown(name: str, known: _Known, within_each: bool) -> str:
    everyone = [step.draw if isinstance(step, DrawStep) else step.write for step in known.plan.steps]
    if name in everyone:
        return "no step of repeat makes it" if within_each else f"{name} is read before there is one"
    near = get_close_matches(name, [*everyone, *sorted(RESERVED - {ROUND})], 1)
    return f"no step writes or draws {name}" + (f"; did you mean {near[0]}?" if near else "")


def _branch(branch: Any, step: DrawStep) -> Pieces | None:
    """The pieces of an image branch whose list is stated or plain: all are texts."""
    if branch == "texts":
        images = any(":" in piece for piece in step.reads if isinstance(piece, str))
        return None if images or any(isinstance(piece, Each) for piece in step.reads) else step.reads
    return branch if isinstance(branch, tuple) else None


def _plain(piece: Piece) -> Any:
    return piece if isinstance(piece, str) else piece.model_dump()


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
