from collections.abc import Sequence
from typing import Any

import pytest

from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, Hearing, Status, Summary
from irg.bench.tiif.groups import LENGTHS, NINE, TYPES
from irg.bench.tiif.summary import ANSWERS, nine_weights, summary
from tests.bench.cases import Cases

CASES = Cases("tiif_cases.json", "answers", "groups")
OVERALL = "Overall average score of 9 sub-attributes"


def items_of(answers: dict[str, Any]) -> list[Item]:
    return [
        Item(
            f"{kind}-{length}-{line}",
            "p",
            (0,),
            {
                "type": kind,
                "length": length,
                "line": int(line),
                "questions": ["?"] * len(one["gt_answers"]),
                "answers": one["gt_answers"],
            },
        )
        for kind, lengths in answers.items()
        for length, pictures in lengths.items()
        for line, one in pictures.items()
    ]


def heard(item: Item, given: Sequence[str] | None) -> Hearing:
    row = EvidenceRow(0, ANSWERS, {"answers": given}, Status.OK if given is not None else Status.PARSE_FAILED)
    return Hearing(item.id, 1, {0: "sha"}, {}, (row,))


def close(value: float | None, expected: float | None) -> bool:
    return value is None if expected is None else value == pytest.approx(expected, abs=5.1e-5)


def test_rows_come_to_the_official_groups_and_overall_scores() -> None:
    groups = CASES["groups"]
    for name, answers in CASES["answers"].items():
        items = items_of(answers)
        given = {
            item.id: answers[item.facts["type"]][item.facts["length"]][str(item.facts["line"])]["model_pred"]
            for item in items
        }
        rows = {item.id: heard(item, given[item.id]) for item in items}
        for place, length in enumerate(LENGTHS):
            found = summary(length)(items, rows)
            assert close(found.headline.value, groups[OVERALL][name][place])
            values = {figure.name: figure.value for figure in found.figures}
            for official, expected in groups.items():
                part, _, group = official.partition(" - ")
                if group in NINE:
                    assert close(values[group], expected[name][place]), official
                elif group == "Overall":
                    part = part.removesuffix("_Following_Overall").replace("_", " ")
                    assert close(values[f"{part}, by types"], expected[name][place]), official


def made(lines: int = 2) -> list[Item]:
    one = {"gt_answers": ["yes", "no"], "model_pred": []}
    return items_of(
        {kind: {length: dict.fromkeys(range(lines), one) for length in LENGTHS} for kind in TYPES}
    )


def weighted(found: Summary) -> float:
    by_type = {
        kind: [sample.value for sample in found.samples if sample.category == kind] for kind in found.weights
    }
    return sum(weight * sum(by_type[kind]) / len(by_type[kind]) for kind, weight in found.weights.items())


def test_the_headline_is_the_weighted_sum_of_its_samples_but_for_four_decimals() -> None:
    items = made(3)
    rows = {
        item.id: heard(item, ["yes", "no"] if number % 3 else ["no", "no"])
        for number, item in enumerate(items)
    }
    found = summary("short")(items, rows)
    assert found.headline.value == pytest.approx(weighted(found), abs=1e-4)
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.headline.interval is not None
    low, high = found.headline.interval
    assert low < weighted(found) < high


def test_lengths_are_never_pooled() -> None:
    items = made()
    rows = {item.id: heard(item, ["yes", "no"]) for item in items if item.facts["length"] == "short"}
    assert summary("short")(items, rows).headline.value == 1
    found = summary("long")(items, rows)
    assert found.headline.value is None and found.missing == {"no picture": 78}


def test_what_is_missing_is_counted_in_pictures_and_in_questions() -> None:
    items = [item for item in made() if item.facts["length"] == "short"]
    rows = {item.id: heard(item, None if item.facts["type"] == "text" else ["yes", "yes"]) for item in items}
    found = summary("short")(items, rows)
    assert found.missing == {"answer cannot be read": 2}
    assert found.headline.value == 0.5 and (found.headline.counted, found.headline.expected) == (76, 78)
    figures = {figure.name: figure for figure in found.figures}
    assert figures["Text Generation"].value is None
    answered = figures["questions answered"]
    assert (answered.counted, answered.expected) == (152, 156)
    assert answered.value == pytest.approx(152 / 156)


def test_groups_weigh_alike_whatever_types_they_have() -> None:
    assert nine_weights(["text", "numeracy", "negation"]) == {"numeracy": 0.25, "negation": 0.25, "text": 0.5}
    assert nine_weights([]) == {}
