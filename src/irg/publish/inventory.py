"""What is in a published set, counted while it is written: what its card says."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from irg.core.trace import Trace
from irg.data.shards import bytes_of

Maker = tuple[str, int, str]
"""A stage, its version, and the model that did its work."""


@dataclass
class SetPart:
    """One part of a set. `num_bytes` are of the values, before they are compressed."""

    rows: int = 0
    num_bytes: int = 0
    modes: Counter[str] = field(default_factory=Counter)


@dataclass
class Inventory:
    """All counts are of traces, but for `sizes`, which are of pictures, and `words`, which are of thoughts:
    by turn (from 1), how often each number of words occurs. `right` and `judged` are by turn too."""

    parts: dict[str, SetPart] = field(default_factory=dict)
    num_available: int = 0
    """Traces in the set that these were chosen from."""
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    words: defaultdict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    right: Counter[int] = field(default_factory=Counter)
    judged: Counter[int] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    relations: Counter[str] = field(default_factory=Counter)
    makers: Counter[Maker] = field(default_factory=Counter)
    """In the order of the stages."""

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts.values())

    def add(self, name: str, row: Mapping[str, Any], trace: Trace, modes: tuple[str, ...]) -> None:
        """Count a row of the part with this name, which holds this trace (its pictures may be `SizeOnly`)."""
        part = self.parts.setdefault(name, SetPart())
        part.rows += 1
        part.num_bytes += bytes_of(row)
        part.modes.update(map(str, modes))
        for number, turn in enumerate(trace.turns, start=1):
            self.sizes[turn.image.size] += 1
            if turn.thought is not None:
                self.words[number][len(turn.thought.split())] += 1
            if turn.verdict is not None:
                self.judged[number] += 1
                self.right[number] += turn.verdict.correct
        self._add_provenance(trace.provenance)

    def _add_provenance(self, provenance: Mapping[str, Any]) -> None:
        self.licences[_text(provenance, "licence")] += 1
        self.sources[_text(provenance, "source")] += 1
        if relation := _text(provenance, "relation"):
            self.relations[relation] += 1
        stages = provenance.get("stages")
        for step in stages if isinstance(stages, list) else ():
            if isinstance(step, dict) and "stage" in step:
                model = step.get("model")
                name = _text(model, "name") if isinstance(model, dict) else ""
                self.makers[str(step["stage"]), int(step.get("version", 0)), name] += 1


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""
