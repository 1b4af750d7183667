import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from irg.bench.intervals import wilson
from irg.bench.scene.comparison import CompareOptions, Found
from irg.bench.scene.records import BestOfTwo, PromptRecord
from irg.bench.scene.reflections import ReflectionCheck
from irg.bench.scene.results import summarise
from tests.bench.scene.made import EVERY, FEW_PROMPTS, HEAD, OTHER, TURNS, found, result

OPTIONS = CompareOptions(24, (0, 1), TURNS, resamples=1000)
FOUND = found()
RECORDS = FOUND.records


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return summarise(FOUND, OPTIONS, HEAD)


def condition(results: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in results["conditions"] if found["name"] == name)


def difference(results: dict[str, Any], better: str, than: str) -> dict[str, Any]:
    pairs = [(found["better"], found["than"]) for found in results["differences"]]
    return results["differences"][pairs.index((better, than))]


def right(name: str, group: str = "main", family: str | None = None, seed: int | None = None) -> list[bool]:
    return [
        record.results[name].correct
        for record in RECORDS
        if name in record.results
        and record.group == group
        and family in (None, record.family)
        and seed in (None, record.seed)
    ]


def test_it_is_json_with_everything_in_it(results: dict[str, Any]) -> None:
    assert json.loads(json.dumps(results)) == results
    assert {found["name"] for found in results["conditions"]} == set(EVERY)
    assert results["counts"] == {
        "overall": 48, "single": 8, "two": 8, "counting": 8, "colors": 8, "position": 8, "attribution": 8,
        "combinations": 8, "compounds": 8,
    }  # fmt: skip
    assert results["counts_of_few"] == {
        "overall": FEW_PROMPTS, "single": 2, "two": 2, "counting": 2, "colors": 2, "position": 2,
        "attribution": 2, "combinations": 2, "compounds": 2,
    }  # fmt: skip
    assert results["prompts_different"] == 24 and results["seeds"] == [0, 1]


def test_scores_are_shares_of_the_right_group(results: dict[str, Any]) -> None:
    for name in ("base", "turn2", "no_clean"):
        found = condition(results, name)
        for group, hits in (
            ("overall", right(name)),
            ("position", right(name, family="position")),
            ("combinations", right(name, "combinations")),
            ("compounds", right(name, "compounds")),
        ):
            score = found["score"][group]
            assert score["value"] == pytest.approx(np.mean(hits), abs=1e-4)
            assert (score["low"], score["high"]) == pytest.approx(wilson(sum(hits), len(hits)), abs=1e-4)
        seeds = (0, 1) if name != "no_clean" else (0,)
        by_seed = {str(seed): round(float(np.mean(right(name, seed=seed))), 4) for seed in seeds}
        assert found["score_by_seed"] == by_seed
    assert condition(results, "turn2")["fidelity"]["overall"] == {"value": 0.975, "low": 0.975, "high": 0.975}
    assert condition(results, "turn2")["fidelity_parts"]["edges"]["value"] == 0.9
    assert condition(results, "base")["cost"] == {"seconds": 0.5, "evaluations": 60.0, "tokens": 20.0}


def both(better: str, than: str) -> list[tuple[bool, bool]]:
    return [
        (record.results[better].correct, record.results[than].correct)
        for record in RECORDS
        if {better, than} <= set(record.results) and record.group == "main"
    ]


def test_differences_are_paired_means_within_their_intervals(results: dict[str, Any]) -> None:
    pairs = (("turn2", "base"), ("turn2", "turn1"), ("turn3", "turn2"), ("turn2", "best_of_2"))
    for better, than in (*pairs, ("turn2", OTHER)):
        found = difference(results, better, than)["overall"]
        expected = np.mean([one - other for one, other in np.array(both(better, than), dtype=int)])
        assert found["score"]["value"] == pytest.approx(expected, abs=1e-4)
        assert found["score"]["low"] < found["score"]["value"] < found["score"]["high"]
    assert len(both("turn3", "turn2")) == FEW_PROMPTS < len(both("turn2", "turn1"))
    assert difference(results, "turn2", "base")["overall"]["score"]["low"] > 0.3
    of_turns = difference(results, "turn2", "turn1")["overall"]
    assert of_turns["fidelity"]["value"] == pytest.approx(0.025)
    assert of_turns["edges"]["value"] == pytest.approx(0.1) and of_turns["shading"]["value"] == 0


def test_the_few_have_every_condition_so_that_they_compare_at_sight(results: dict[str, Any]) -> None:
    shared = [record.results for record in RECORDS if set(record.results) == set(EVERY)]
    main = shared[:FEW_PROMPTS]
    for name in ("turn2", "turn3", "wrong_reflection", OTHER):
        score = condition(results, name)["few"]["score"]["overall"]
        assert score["value"] == pytest.approx(np.mean([one[name].correct for one in main]), abs=1e-4)
    assert condition(results, "turn2")["count"] == 48 and condition(results, "turn3")["count"] == FEW_PROMPTS


def test_the_curve_has_a_point_for_each_step(results: dict[str, Any]) -> None:
    assert [(point["step"], point["count"]) for point in results["curve"]] == [(100, 6), (2000, 6)]
    second = results["curve"][1]["conditions"]["turn2"]["score"]
    expected = np.mean([record.results["turn2"].correct for record in FOUND.curve[2000]])
    assert second["value"] == pytest.approx(expected, abs=1e-4)
    found = results["curve"][0]["reflections"]
    assert found["reflections"] == 6 and found["all"]["precision"]["value"] == 1.0


def test_a_condition_against_itself_in_other_words_differs_by_nothing() -> None:
    same = [
        replace(record, results=record.results | {"redraw": record.results["turn2"]}) for record in RECORDS
    ]
    score = difference(summarise(Found(same, {}), OPTIONS, HEAD), "turn2", "redraw")["overall"]["score"]
    assert score == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_changes_count_what_a_turn_mended_and_broke(results: dict[str, Any]) -> None:
    first, second = right("turn1"), right("turn2")
    pairs = list(zip(first, second, strict=True))
    expected = {
        "count": 48,
        "flawed": first.count(False),
        "fixed": pairs.count((False, True)),
        "broken": pairs.count((True, False)),
    }
    by_reflection = {"that something is wrong": expected}
    assert results["changes"][0] == {"from": 1, "to": 2, **expected, "by_reflection": by_reflection}
    assert [(change["to"], change["count"]) for change in results["changes"]] == [(2, 48), (3, FEW_PROMPTS)]


def test_changes_are_told_apart_by_what_the_reflection_says() -> None:
    def reflected(number: int, named: tuple[str, ...] | None, before: bool, after: bool) -> PromptRecord:
        first, second = result(before), result(after, check=ReflectionCheck((), named, "plan", True))
        return replace(RECORDS[number], results={"turn1": first, "turn2": second}, choice=None)

    records = [
        reflected(0, (), True, False),
        reflected(1, (), True, True),
        reflected(2, ("missing top star",), False, True),
        reflected(3, None, False, False),
    ]
    changes = summarise(Found(records, {}), replace(OPTIONS, turns=2), HEAD)["changes"]
    assert changes[0]["by_reflection"] == {
        "that nothing is wrong": {"count": 2, "flawed": 0, "fixed": 0, "broken": 1},
        "that something is wrong": {"count": 1, "flawed": 1, "fixed": 1, "broken": 0},
        "what cannot be read": {"count": 1, "flawed": 1, "fixed": 0, "broken": 0},
    }


def test_reflections_are_tallied_where_there_are_any(results: dict[str, Any]) -> None:
    assert list(results["reflections"]) == ["turn2", "turn3", "no_view"]
    assert results["reflections"]["turn2"]["all"]["right"] == 48
    assert results["reflections"]["turn3"]["all"]["right"] == FEW_PROMPTS


def test_the_choice_is_judged_by_the_pairs_that_differ() -> None:
    def pair(first: bool, second: bool, flaws: tuple[int, int]) -> PromptRecord:
        both = {"turn1": result(first), "again": result(second)}
        return replace(RECORDS[0], results=RECORDS[0].results | both, choice=BestOfTwo(flaws, (-1.0, -2.0)))

    made = [
        pair(True, False, (0, 1)),
        pair(False, True, (1, 0)),
        pair(False, True, (0, 0)),
        pair(True, True, (2, 1)),
        pair(False, False, (0, 0)),
    ]
    choice = summarise(Found(made, {}), OPTIONS, HEAD)["choice"]
    assert choice["pairs"] == 5 and choice["only_one_right"] == 3
    assert choice["decided_by_flaws"] == 3 and choice["second_chosen"] == 2
    assert choice["right_one_chosen"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert choice["either_right"]["value"] == 0.8


def test_groups_without_records_are_left_out() -> None:
    singles = [record for record in RECORDS if record.family == "single"]
    assert list(summarise(Found(singles, {}), OPTIONS, HEAD)["counts"]) == ["overall", "single"]
