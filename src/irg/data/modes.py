"""The learning modes: one prepared trace in, one training document out.

IRGL's six modes (arXiv 2509.06945, figure 3) and the base modes before them, as a table of what a document
holds. A starred part carries loss. A supervised image is NOISY; one that is only looked at is CLEAN and VIEW.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from enum import StrEnum

import torch

from irg.core import BranchKind, Grid, Kind, Role, Segment, Sequence, keeps


class Mode(StrEnum):
    DIRECT = "direct"
    QUESTION = "question"
    EDIT = "edit"
    INITIAL_UNDERSTANDING = "initial_understanding"
    INITIAL_THINKING = "initial_thinking"
    INITIAL_FULL = "initial_full"
    IMPROVING_UNDERSTANDING = "improving_understanding"
    IMPROVING_THINKING = "improving_thinking"
    IMPROVING_FULL = "improving_full"


COMPOSITION: dict[Mode, str] = {
    Mode.DIRECT: "P I1*",
    Mode.QUESTION: "V1 Q A*",
    Mode.EDIT: "I1 P I2*",
    Mode.INITIAL_UNDERSTANDING: "S P I1 Q T1*",
    Mode.INITIAL_THINKING: "S P T1*",
    Mode.INITIAL_FULL: "S P T1* I1*",
    Mode.IMPROVING_UNDERSTANDING: "S P I1 I2 Q T2*",
    Mode.IMPROVING_THINKING: "S P T1 I1 T2*",
    Mode.IMPROVING_FULL: "S P T1 I1 T2* I2*",
}
"""S system prompt, P prompt, T thought, I image, V image only seen, Q question, A its answer; * has loss."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as documents need it: scaled latent tokens [N, V] and patches [P, D], each with their grid."""

    latents: torch.Tensor
    latent_grid: Grid
    patches: torch.Tensor
    patch_grid: Grid


@dataclass(frozen=True, eq=False)
class Prepared:
    """A trace in token ids and tensors. `pictures[n]` and `thoughts[n]` belong to turn n + 1."""

    system: tuple[int, ...]
    prompt: tuple[int, ...]
    thoughts: tuple[tuple[int, ...], ...]
    pictures: tuple[Picture, ...]
    question: tuple[int, ...] = ()
    answer: tuple[int, ...] = ()


@dataclass(frozen=True)
class Dropout:
    """Probabilities that a document goes without what a guidance branch would go without."""

    text: float = 0.0
    image: float = 0.0


@dataclass(frozen=True)
class Noising:
    """How supervised images are noised: t = sigmoid(N(0, 1)), shifted; `copies` independent ones per image.

    Nobody sees a NOISY segment but itself, so several copies share one context.
    """

    shift: float = 4.0
    copies: int = 1


def compose(
    mode: Mode, trace: Prepared, noising: Noising, dropout: Dropout, generator: torch.Generator
) -> Sequence:
    """The document of one mode. Raises ValueError when the trace lacks a part that the mode needs."""
    segments: list[Segment] = []
    for part in COMPOSITION[mode].split():
        supervised = part.endswith("*")
        segments += _part(part.rstrip("*"), trace, supervised, noising, generator, mode)
    return Sequence(tuple(_dropped(segments, dropout, generator)))


def noised(picture: Picture, turn: int, noising: Noising, generator: torch.Generator) -> list[Segment]:
    """NOISY copies of a picture: x_t = (1 - t) x + t noise, target noise - x (rectified flow)."""
    clean = picture.latents.float()
    copies = []
    for _ in range(noising.copies):
        raw = torch.sigmoid(torch.randn((), generator=generator)).item()
        t = noising.shift * raw / (1 + (noising.shift - 1) * raw)
        noise = torch.randn(clean.shape, generator=generator)
        latents = (1 - t) * clean + t * noise
        copies.append(
            Segment(
                Kind.NOISY,
                Role.IMAGE,
                latents,
                turn=turn,
                grid=picture.latent_grid,
                timestep=t,
                target=noise - clean,
            )
        )
    return copies


def conditioning(picture: Picture, turn: int) -> tuple[Segment, Segment]:
    """A picture that is looked at: its latents, then its view."""
    return (
        Segment(Kind.CLEAN, Role.IMAGE, picture.latents, turn=turn, grid=picture.latent_grid),
        Segment(Kind.VIEW, Role.IMAGE, picture.patches, turn=turn, grid=picture.patch_grid),
    )


def _part(
    part: str, trace: Prepared, supervised: bool, noising: Noising, generator: torch.Generator, mode: Mode
) -> Seq[Segment]:
    letter, turn = part[0], int(part[1:] or 1)
    if letter in "TIV":
        have = trace.thoughts if letter == "T" else trace.pictures
        if len(have) < turn:
            raise ValueError(f"mode {mode} needs {part}, the trace has {len(have)} of its kind")
    if letter == "T":
        return [Segment(Kind.TEXT, Role.THOUGHT, trace.thoughts[turn - 1], turn=turn, loss=supervised)]
    if letter == "V":
        return conditioning(trace.pictures[turn - 1], turn)[1:]
    if letter == "I":
        picture = trace.pictures[turn - 1]
        return noised(picture, turn, noising, generator) if supervised else conditioning(picture, turn)
    role, ids = {
        "S": (Role.SYSTEM, trace.system),
        "P": (Role.PROMPT, trace.prompt),
        "Q": (Role.QUESTION, trace.question),
        "A": (Role.THOUGHT, trace.answer),
    }[letter]
    if not ids:
        raise ValueError(f"mode {mode} needs a {role.value}, the trace has none")
    # An edit's instruction belongs to the picture that follows it, not to the one before.
    turn = {"S": 0, "P": 2 if mode is Mode.EDIT else 1}.get(letter, 1)
    return [Segment(Kind.TEXT, role, ids, turn=turn, loss=supervised)]


def _dropped(segments: list[Segment], dropout: Dropout, generator: torch.Generator) -> list[Segment]:
    """Leave out what a guidance branch leaves out, so that training sees what guidance will evaluate.

    Only documents that draw are thinned, since only drawing is guided. The random numbers are drawn in any
    case, so that the generator's course does not depend on what is dropped.
    """
    hit_text, hit_image = (
        torch.rand(2, generator=generator) < torch.tensor([dropout.text, dropout.image])
    ).tolist()
    targets = [segment for segment in segments if segment.kind is Kind.NOISY]
    if not targets:
        return segments
    turn = targets[-1].turn
    branches = [kind for kind, hit in ((BranchKind.TEXT, hit_text), (BranchKind.IMAGE, hit_image)) if hit]
    return [
        segment
        for segment in segments
        if segment.kind is Kind.NOISY or all(keeps(branch, segment, turn) for branch in branches)
    ]
