"""OneIG's alignment: yes-or-no questions about a picture, some of which only make sense after others.

Facts of OneIG-Bench/OneIG-Benchmark (41b4983).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irg.core.files import parse_json
from irg.core.settings import shown

YES = "Yes"
"""The only answer that counts as one, to the letter."""
ROOT = 0
"""The parent of a question that stands alone."""


@dataclass(frozen=True)
class Questions:
    """The questions about an item's pictures by their numbers, and the parents of each."""

    texts: Mapping[int, str]
    parents: Mapping[int, Sequence[int]]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Questions":
        """Of an entry of the official files, which has JSON in its strings. Raises ValueError for others."""
        texts, parents = (_numbered(entry, name) for name in ("question", "dependency"))
        if texts.keys() != parents.keys() or set(texts) != set(range(1, len(texts) + 1)):
            raise ValueError(
                f"questions {sorted(texts)}, parents of {sorted(parents)}: expected 1 to n of both"
            )
        known = {ROOT, *texts}
        if not all(isinstance(some, list) and all(one in known for one in some) for some in parents.values()):
            raise ValueError(f"parents {shown(parents)}: expected lists of the questions' numbers")
        return cls(texts, parents)

    def score(self, answers: Mapping[int, str]) -> float:
        """The share of questions that are answered yes, and whose parents are; of a picture's answers by
        question. Parents are looked at by their own answers: a question falls with its parents, and not
        with theirs."""
        right = [
            answers[number] == YES
            and all(answers[parent] == YES for parent in self.parents[number] if parent != ROOT)
            for number in self.texts
        ]
        return sum(right) / len(right)


def _numbered(entry: Any, name: str) -> dict[int, Any]:
    field = entry.get(name) if isinstance(entry, Mapping) else None
    content = parse_json(field, name) if isinstance(field, str) else field
    if not isinstance(content, Mapping):
        raise ValueError(f"{name} {shown(content)}: expected values by their numbers")
    return {int(number): value for number, value in content.items()}
