"""Where prompts come from without a teacher: the scene world's grammar, and files."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from irg.curate.propose import Proposal
from irg.curate.texts import FIELDS, prompt_files, read_pairs, read_prompts
from irg.stages.stage import Identity
from irg.world import Family, Split, sample_prompt

SCENE_LICENCE = "Apache-2.0"
"""Prompts of the scene world are made by this package, and come under its licence."""


@dataclass(frozen=True)
class ScenePrompts:
    """Prompts of the scene world's training split, each family as often as its weight says, without end."""

    weights: Mapping[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.weights) - set(Family)
        if unknown or not self.weights or min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            known = ", ".join(Family)
            raise ValueError(
                f"families {dict(self.weights)}: expected weights of {known}, none negative, not all 0"
            )

    @property
    def identity(self) -> Identity:
        weights = {family: float(weight) for family, weight in sorted(self.weights.items())}
        return Identity("scenes", 1, settings={"families": weights}, seed=self.seed)

    async def proposals(self, start: int, count: int) -> Sequence[Proposal]:
        return [self._proposal(index) for index in range(start, start + count)]

    def _proposal(self, index: int) -> Proposal:
        rng = np.random.default_rng([self.seed, index])
        families = sorted(self.weights)
        weights = np.array([self.weights[family] for family in families])
        family = Family(families[rng.choice(len(families), p=weights / weights.sum())])
        return Proposal(sample_prompt(rng, family, Split.TRAIN)[1], f"scene world, {family}", SCENE_LICENCE)


class FilePrompts:
    """The prompts of files, one file after the other, each in its order.

    With the name of a field of pictures, each prompt comes with its picture, a good one to begin from.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        fields: Sequence[str] = FIELDS,
        licence: str = "",
        image: str | None = None,
    ) -> None:
        self.files, self.fields, self.licence, self.image = prompt_files(paths), tuple(fields), licence, image
        self._rest, self._position = self._all(), 0

    @property
    def identity(self) -> Identity:
        """By what the files hold, wherever they lie."""
        return Identity("files", 1, settings={"content": self._content, "licence": self.licence})

    async def proposals(self, start: int, count: int) -> Sequence[Proposal]:
        if start != self._position:
            self._rest, self._position = islice(self._all(), start, None), start
        found = list(islice(self._rest, count))
        self._position += len(found)
        return found

    def _all(self) -> Iterator[Proposal]:
        for path in self.files:
            if self.image is None:
                for prompt in read_prompts(path, self.fields):
                    yield Proposal(prompt, path.name, self.licence)
            else:
                for prompt, picture in read_pairs(path, self.fields, self.image):
                    yield Proposal(prompt, path.name, self.licence, picture)

    @cached_property
    def _content(self) -> str:
        content = hashlib.sha256()
        for proposal in self._all():
            picture = proposal.image.digest if proposal.image else ""
            content.update(f"{proposal.source}\0{proposal.prompt}\0{picture}\0".encode())
        return content.hexdigest()[:32]
