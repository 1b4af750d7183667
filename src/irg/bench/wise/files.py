"""Official result files of WISE: what our judgements look like in them, so that the official calculator can
be run on them, and a run that the official script began can be gone on with.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irg.bench.items import Item
from irg.bench.protocol import Hearings, Results
from irg.bench.wise.answers import LEGACY as PARTS
from irg.bench.wise.answers import without_thoughts
from irg.bench.wise.editions import Edition
from irg.core.files import parse_json

SCORES = "scores"
"""The one question about a picture."""

Rows = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True)
class ResultFiles:
    """The rows of scores and the full records of one file of prompts, by id."""

    scores: Rows
    full: Rows

    @classmethod
    def read(cls, lines: Iterable[str], records: Iterable[Mapping[str, Any]] = ()) -> "ResultFiles":
        """Of files as the official script goes on from them: of an id the last row counts, and whatever it
        holds, the id is done. Raises ValueError for a line that is no row."""
        rows = [parse_json(line, f"line {number}") for number, line in enumerate(lines, start=1)]
        return cls(_by_id(rows), _by_id(records))

    def added(self, items: Sequence[Item], heard: Hearings, path: Callable[[Item], str]) -> "ResultFiles":
        """With what was found of items that are not done; `path` says where a picture lies."""
        scores, full = dict(self.scores), dict(self.full)
        for item in items:
            number = int(item.id)
            rows = heard[item.id].ok(0) if item.id in heard else {}
            if number in self.scores or SCORES not in rows:
                continue
            evidence = rows[SCORES].evidence
            found = {name: evidence[name] for name in ("score", *PARTS) if name in evidence}
            scores[number] = {"prompt_id": number, "Subcategory": item.facts["subcategory"], **found}
            full[number] = {
                "prompt_id": number,
                "prompt": item.prompt,
                "key": item.facts["explanation"],
                "image_path": path(item),
                "evaluation": without_thoughts(evidence["answer"]),
            }
        return ResultFiles(scores, full)

    def score_lines(self) -> list[str]:
        """Sorted by id, as lines of JSON."""
        return [json.dumps(self.scores[number], ensure_ascii=False) for number in sorted(self.scores)]

    def full_records(self) -> list[Mapping[str, Any]]:
        return [self.full[number] for number in sorted(self.full)]


def result_files(edition: Edition, names: Sequence[str]) -> Results:
    """The files of a turn, two for each file of prompts, whose names are given in the order of `edition`."""

    def results(items: Sequence[Item], heard: Hearings) -> dict[str, str]:
        found = {}
        for name, categories in zip(names, edition.files.values(), strict=True):
            ours = [item for item in items if item.facts["category"] in categories]
            made = ResultFiles({}, {}).added(ours, heard, lambda item: f"{item.id}.png")
            found[f"{name}_scores_results.jsonl"] = "".join(f"{line}\n" for line in made.score_lines())
            full = json.dumps(made.full_records(), ensure_ascii=False, indent=2)
            found[f"{name}_full_results.json"] = full + "\n"
        return found

    return results


def _by_id(rows: Iterable[Mapping[str, Any]]) -> Rows:
    found = {}
    for row in rows:
        if not isinstance(row, Mapping) or not isinstance(row.get("prompt_id"), int):
            raise ValueError(f"{row!r} is no row of results: expected an object with a prompt_id")
        found[row["prompt_id"]] = row
    return found
