"""Keeping benchmarks out of training sets: proposals that are one of their prompts, or mostly made of them.

Two prompts are the same if they differ only in case, punctuation and spaces. Beyond that, a proposal is taken
for a benchmark's when a large share of its runs of words occur in the benchmarks' prompts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from irg.core.digest import digest_of
from irg.data.sets import plain
from irg.world import OutsideWorld, Split, parse
from irg.world.grammar import is_held_out_text
from irg.world.request import requires_held_out


@dataclass(frozen=True)
class Problem:
    """Why a prompt may not be used."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Guard:
    """What proposals are checked against: the benchmarks' prompts, and the scene world's held-out splits.

    A proposal is refused when at least `overlap` of its runs of `ngram` words occur in the benchmarks. One
    that is shorter than a run is only compared as a whole.
    """

    benchmarks: tuple[str, ...] = ()
    ngram: int = 8
    overlap: float = 0.5
    scenes: bool = False
    """The prompts are to be understood by the scene world, and outside its held-out splits."""

    def __post_init__(self) -> None:
        if self.ngram < 1:
            raise ValueError(f"ngram {self.ngram}: expected at least one word")
        if not 0 < self.overlap <= 1:
            raise ValueError(f"overlap {self.overlap}: expected a share above 0, up to 1")

    @cached_property
    def digest(self) -> str:
        """Depends on everything that decides what is refused."""
        return digest_of(
            sorted({plain(text) for text in self.benchmarks}), self.ngram, self.overlap, self.scenes
        )

    def problem(self, prompt: str) -> Problem | None:
        """Why the prompt may not be used, or None if it may."""
        words = plain(prompt).split()
        if " ".join(words) in self._texts:
            return Problem("prompt of a benchmark")
        runs = list(_runs(words, self.ngram))
        share = sum(run in self._runs for run in runs) / len(runs) if runs else 0.0
        if runs and share >= self.overlap:
            return Problem("overlaps a benchmark", f"{share:.0%} of its runs of {self.ngram} words")
        return _scene_problem(prompt) if self.scenes else None

    @cached_property
    def _texts(self) -> frozenset[str]:
        return frozenset(plain(text) for text in self.benchmarks)

    @cached_property
    def _runs(self) -> frozenset[str]:
        return frozenset(run for text in self._texts for run in _runs(text.split(), self.ngram))


def _runs(words: list[str], length: int) -> Iterator[str]:
    return (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))


def _scene_problem(prompt: str) -> Problem | None:
    try:
        request = parse(prompt)
    except OutsideWorld as unknown:
        return Problem("outside the scene world", str(unknown))
    if requires_held_out(request):
        return Problem("held out by the scene world", Split.COMBINATIONS)
    if is_held_out_text(prompt):
        return Problem("held out by the scene world", Split.HELD_OUT)
    return None
