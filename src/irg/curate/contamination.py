"""Keeping benchmarks out of training sets: proposals that are one of their prompts, or mostly made of them.

Two prompts are the same if they differ only in case, punctuation and spaces. Beyond that, a proposal is taken
for a benchmark's when a large share of its runs of words occur in the benchmarks' prompts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import Field

from irg.core.digest import digest_of
from irg.core.settings import BaseSettings
from irg.curate.texts import FIELDS, prompt_files, read_prompts
from irg.data.sets import plain
from irg.world import OutsideWorld, Split, parse
from irg.world.grammar import is_held_out_text
from irg.world.request import requires_held_out


class Contamination(BaseSettings):
    """What proposals may not be.

    One is refused when at least `overlap` of its runs of `ngram` words occur in the benchmarks. One that is
    shorter than a run is only compared as a whole.
    """

    files: tuple[Path, ...] = ()
    """Files, or folders of them, with the benchmarks' prompts."""
    fields: tuple[str, ...] = FIELDS
    ngram: int = Field(default=8, ge=1)
    overlap: float = Field(default=0.5, gt=0, le=1)
    scenes: bool = False
    """The prompts are to be understood by the scene world, and outside its held-out splits."""

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The prompts in the files."""
        return tuple(text for file in prompt_files(self.files) for text in read_prompts(file, self.fields))


@dataclass(frozen=True)
class Guard:
    """What proposals are checked against: the benchmarks' prompts, and the scene world's held-out splits."""

    benchmarks: tuple[str, ...] = ()
    settings: Contamination = field(default_factory=Contamination)

    @cached_property
    def digest(self) -> str:
        """Depends on everything that decides what is refused."""
        settings = self.settings
        return digest_of(sorted(self._texts), settings.ngram, settings.overlap, settings.scenes)

    def problem(self, prompt: str) -> tuple[str, str] | None:
        """Why the prompt may not be used, as a reason and its details; None if it may."""
        words, length = plain(prompt).split(), self.settings.ngram
        if " ".join(words) in self._texts:
            return "prompt of a benchmark", ""
        runs = list(_runs(words, length))
        share = sum(run in self._runs for run in runs) / len(runs) if runs else 0.0
        if runs and share >= self.settings.overlap:
            return "overlaps a benchmark", f"{share:.0%} of its runs of {length} words"
        return _scene_problem(prompt) if self.settings.scenes else None

    @cached_property
    def _texts(self) -> frozenset[str]:
        return frozenset(plain(text) for text in self.benchmarks)

    @cached_property
    def _runs(self) -> frozenset[str]:
        return frozenset(run for text in self._texts for run in _runs(text.split(), self.settings.ngram))


def _runs(words: list[str], length: int) -> Iterator[str]:
    return (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))


def _scene_problem(prompt: str) -> tuple[str, str] | None:
    try:
        request = parse(prompt)
    except OutsideWorld as unknown:
        return "outside the scene world", str(unknown)
    if requires_held_out(request):
        return "held out by the scene world", Split.COMBINATIONS
    if is_held_out_text(prompt):
        return "held out by the scene world", Split.HELD_OUT
    return None
