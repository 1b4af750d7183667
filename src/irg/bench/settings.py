"""Judges that are made of models: what a user says of them is read or refused at once, and nothing is loaded
before it is needed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from irg.bench.protocol import EvidenceRow, Judge, JudgeOptions, Shown
from irg.scorers.weights import refuse_device, refuse_name

DEVICE = "device"
Load = Callable[[Mapping[str, str]], Judge]
"""A judge of the settings that were given."""


class LoadedJudge:
    """A judge that is loaded once somebody asks for it."""

    def __init__(self, load: Callable[[], Judge]) -> None:
        self._load = load

    @cached_property
    def _judge(self) -> Judge:
        return self._load()

    @property
    def identity(self) -> Mapping[str, Any]:
        return self._judge.identity

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        return self._judge.hear(shown)


def judge_of_models(options: JudgeOptions, models: Sequence[str], load: Load) -> Judge:
    """A judge of models, which the settings may name.

    Raises ValueError for a setting that nobody reads, and for one that cannot be used here.
    """
    given = read_settings(options, *models, DEVICE)
    for name in models:
        if name in given:
            refuse_name(given[name])
    refuse_device(given.get(DEVICE))
    return LoadedJudge(lambda: load(given))


def read_settings(options: JudgeOptions, *known: str) -> Mapping[str, str]:
    """The settings of a judge. Raises ValueError for one that it does not know."""
    for name in options.settings:
        if name not in known:
            raise ValueError(f"--judge {name}=...: this judge knows {', '.join(known) or 'no settings'}")
    return options.settings
