"""The scene world as a source of traces: as many as one likes, each made when it is asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.random import Generator
from PIL import Image

from irg.core.trace import Trace, Turn
from irg.data.learning import Mode
from irg.data.source import RowPlace
from irg.prep import SizeOnly
from irg.world import (
    Family,
    Request,
    Scene,
    Split,
    Zone,
    compare,
    fulfil,
    fulfils,
    is_held_out,
    malform,
    perturb,
    questions,
    random_scene,
    read,
    reflection,
    render,
    repair,
    sample_edit,
    sample_prompt,
    thought,
)
from irg.world.reading import clear_reading

SYSTEM_PROMPT = "Think, draw, look and improve."
SIDE = 128
"""Pixels per side of a rendered scene."""
FAMILY_WEIGHTS = {
    Family.SINGLE: 1,
    Family.TWO: 1,
    Family.COUNTING: 1.5,
    Family.COLORS: 1,
    Family.POSITION: 3,
    Family.ATTRIBUTION: 1.5,
    Family.COMPOUND: 3,
}
MIRRORED = 0.5
"""Share of wrong plans tried that are right ones mirrored; where that is right too, another is tried."""
IMPROVING = (Mode.IMPROVING_UNDERSTANDING, Mode.IMPROVING_THINKING, Mode.IMPROVING_FULL)
CAPTIONS = 0.4
"""Share of traces whose first question asks for everything in the picture."""


class SceneKind(StrEnum):
    EPISODES = "episodes"
    """Prompt, thought, flawed picture, reflection, right picture; questions about the latter."""
    MISPLANNED = "misplanned"
    """The same, but the thought is wrong already: the first picture shows faithfully what it should not."""
    MALFORMED = "malformed"
    """The same, but objects of the first picture are badly drawn; how badly, the oracle says."""
    EDITS = "edits"
    """A picture, an instruction, and the picture after it."""


@dataclass(frozen=True)
class SceneSource:
    """`size` traces of one kind; each is made from the seed and its index alone.

    `right` is the share of episodes whose first picture is right already, so that a model learns to leave
    such a picture alone. The flaws of the others are programmatic. Misplanned and malformed ones teach to
    improve, and nothing else: their first thoughts or pictures are not to be imitated.
    """

    kind: SceneKind = SceneKind.EPISODES
    size: int = 1_000_000
    seed: int = 0
    right: float = 0.3

    fingerprint = None
    """Nothing is stored: rows are measured when they are needed, not surveyed beforehand."""

    @property
    def name(self) -> str:
        return f"scenes/{self.kind}/{self.size}/{self.seed}/{self.right}"

    @property
    def group_sizes(self) -> tuple[int, ...]:
        return (self.size,)

    @property
    def group_bytes(self) -> tuple[int, ...]:
        return (0,)

    def __len__(self) -> int:
        return self.size

    def place(self, index: int) -> RowPlace:
        return RowPlace(self.name, index)

    def read(self, index: int) -> Trace:
        return self._make(index, lambda scene: Image.fromarray(render(scene)))

    def sketch(self, index: int) -> Trace:
        """The same trace without pixels."""
        return self._make(index, lambda scene: SizeOnly((SIDE, SIDE)))

    def survey(self) -> Iterator[Trace]:
        return (self.sketch(index) for index in range(self.size))

    def _make(self, index: int, draw: Callable[[Scene], Image.Image]) -> Trace:
        if not 0 <= index < self.size:
            raise IndexError(f"row {index} of {self.size} scenes")
        rng = np.random.default_rng([self.seed, index])
        row_id = f"{self.name}/{index}"
        if self.kind is SceneKind.EDITS:
            scene = random_scene(rng)
            instruction, after = sample_edit(scene, rng)
            turns = (Turn(None, draw(after)),)
            return Trace(instruction, turns, index, source=draw(scene), modes=(Mode.EDIT,), id=row_id)
        if self.kind is SceneKind.MISPLANNED:
            request, prompt, plan = _misplanned(rng)
            first = plan
            target, flaws = repair(request, clear_reading(first), None, rng)
        else:
            request, prompt = _request(rng)
            target = fulfil(request, rng)
            plan = target
            if self.kind is SceneKind.MALFORMED:
                first = malform(plan, rng)
                seen = read(render(first))
            else:
                first = plan if rng.random() < self.right else perturb(plan, rng)
                seen = clear_reading(first)
            flaws = compare(seen, target)
        better = reflection(flaws, target, request)
        turns = (Turn(thought(plan, request), draw(first)), Turn(better, draw(target)))
        if self.kind is not SceneKind.EPISODES:
            return Trace(prompt, turns, index, SYSTEM_PROMPT, modes=IMPROVING, id=row_id)
        return Trace(prompt, turns, index, SYSTEM_PROMPT, questions=_asked(plan, rng), id=row_id)


def _request(rng: Generator) -> tuple[Request, str]:
    """A request and its prompt as training sees them: family by weight, wording from the training split."""
    families = list(FAMILY_WEIGHTS)
    weights = np.array(list(FAMILY_WEIGHTS.values()))
    family = families[rng.choice(len(families), p=weights / weights.sum())]
    return sample_prompt(rng, family, Split.TRAIN)


def _misplanned(rng: Generator) -> tuple[Request, str, Scene]:
    """A training prompt with a scene that nearly fulfils it: mirrored, or with one or two things wrong."""
    while True:
        request, prompt = _request(rng)
        # Of some, every neighbour is held out: four hearts are, so of five none can be missing.
        for _ in range(20):
            scene = fulfil(request, rng)
            wrong = _mirrored(scene, rng) if rng.random() < MIRRORED else perturb(scene, rng)
            if not fulfils(wrong, request) and not is_held_out(wrong):
                return request, prompt, wrong


def _mirrored(scene: Scene, rng: Generator) -> Scene:
    """Left for right, top for bottom, or both."""
    across, along = ((True, False), (False, True), (True, True))[int(rng.integers(3))]

    def moved(zone: Zone) -> Zone:
        return Zone.at(2 - zone.row if along else zone.row, 2 - zone.column if across else zone.column)

    objects = tuple(replace(thing, zone=moved(thing.zone), pose=None) for thing in scene.objects)
    return replace(scene, objects=objects).pose(rng)


def _asked(scene: Scene, rng: Generator) -> tuple[tuple[str, str], ...]:
    asked = questions(scene, rng)
    everything = ("What is in the picture?", thought(scene))
    others = [pair for pair in asked if pair != everything]
    rng.shuffle(others)
    captions_first = rng.random() < CAPTIONS
    return (everything, *others) if captions_first else (*others, everything)
