from typing import Any

import pytest

from irg.bench.tiif.groups import (
    ADVANCED,
    BASIC,
    LENGTHS,
    NINE,
    PARTS,
    REAL_WORLD,
    TYPES,
    Cell,
    Cells,
    group,
    mean_accuracy,
    overall,
)
from tests.bench.cases import Cases

CASES = Cases("tiif_cases.json", "answers", "accuracy_table", "groups")
OVERALL = "Overall average score of 9 sub-attributes"


def cells_of(answers: dict[str, Any]) -> Cells:
    return {
        (kind, length): Cell.of((one["gt_answers"], one["model_pred"]) for one in pictures.values())
        for kind, lengths in answers.items()
        for length, pictures in lengths.items()
    }


def test_there_are_39_types_in_nine_groups() -> None:
    assert (len(TYPES), len(set(TYPES)), len(NINE)) == (39, 39, 9)


def test_cells_are_those_of_the_official_table() -> None:
    tables = CASES["accuracy_table"]
    for name, answers in CASES["answers"].items():
        cells = cells_of(answers)
        for place, printed in tables[name].items():
            kind, _, length = place.partition("|")
            if kind == "Mean_Accuracy":
                assert f"{mean_accuracy(cells):.4f}" == printed
            else:
                expected = None if printed is None else float(printed)
                assert cells.get((kind, length), Cell()).printed == expected, (name, place)


def kinds_of(official: str) -> tuple[str, ...]:
    part, name = official.split(" - ")
    if name == "Overall":
        some = next(groups for title, groups in PARTS.items() if part.startswith(title.replace(" ", "_")))
        return tuple(kind for kinds in some.values() for kind in kinds)
    return (BASIC | ADVANCED | REAL_WORLD)[name]


def test_groups_and_the_overall_score_are_the_official_ones() -> None:
    answers = CASES["answers"]
    for official, by_name in CASES["groups"].items():
        for name, expected in by_name.items():
            cells = cells_of(answers[name])
            for length, value in zip(LENGTHS, expected, strict=True):
                found = (
                    overall(cells, length)
                    if official == OVERALL
                    else group(cells, kinds_of(official), length)
                )
                if value is None:
                    assert found is None, (official, name)
                else:
                    assert found == pytest.approx(value, abs=5.1e-5), (official, name)


def test_means_are_taken_of_four_decimals() -> None:
    cells = {("text", "short"): Cell(1, 3), ("style", "short"): Cell(2, 3)}
    assert group(cells, ("text", "style"), "short") == (0.3333 + 0.6667) / 2
    assert overall(cells, "long") is None


def test_answers_beyond_their_questions_do_not_count() -> None:
    assert Cell.of([(["yes", "no"], ["YES "]), (["no"], ["no", "yes"])]) == Cell(2, 2)
