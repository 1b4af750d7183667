import re
from pathlib import Path
from typing import Any

import pytest

from irg.bench.geneval2.answers import accepted
from irg.bench.geneval2.prompts import item_of
from irg.bench.geneval2.summary import SUMMARIES
from irg.bench.items import Item
from irg.bench.protocol import Hearing, Summary
from tests.bench.cases import Cases
from tests.bench.geneval2.samples import hearing, items

CASES = Cases("geneval2.json", "overall", "analysis")


def official_items(case: dict[str, Any]) -> list[Item]:
    return [item_of(number, record, "case") for number, record in enumerate(case["benchmark"])]


def heard(case: dict[str, Any], some: list[Item]) -> dict[str, Hearing]:
    """The likeliest word is the first that is accepted where a score is .5 or more."""
    found = {}
    for item, scores in zip(some, case["scores"], strict=False):
        pairs = zip(item.facts["questions"], scores, strict=False)
        words = [accepted(*pair)[0] if score >= 0.5 else "nothing" for pair, score in pairs]
        found[item.id] = hearing(item, scores, words)
    return found


def test_golden_scores() -> None:
    for case in CASES["overall"]:
        some = official_items(case)
        dropped = {some[number].id for number in case.get("drop_prompts", ())}
        known = {name: one for name, one in heard(case, some).items() if name not in dropped}
        for method, summarise in SUMMARIES.items():
            summary, expected = summarise(some, known), case["expected"][method.replace("-", "_")]
            if dropped:
                assert "Missing filepath" in expected["error"] and summary.missing == {
                    "no picture": len(dropped)
                }
                continue
            assert summary.headline.value is not None and summary.is_complete
            assert 100 * summary.headline.value == pytest.approx(expected["score"], rel=1e-9), case["note"]


def parts(summary: Summary) -> dict[str, tuple[float | None, int]]:
    return {one.name: (one.value and 100 * one.value, one.counted) for one in summary.figures}


def test_golden_analyses() -> None:
    for case in CASES["analysis"]:
        expected, note = case["expected"], case["note"]
        if note in ("unknown skill", "atom count 11"):
            with pytest.raises(ValueError, match="expected"):
                official_items(case)
            continue
        some = official_items(case)
        known = heard(case, some)
        if expected["error"] and expected["error"].startswith("Assertion"):
            with pytest.raises(ValueError, match="there is no answer to"):
                SUMMARIES["soft-tifa-am"](some, known)
            continue
        skills, atoms = (parts(SUMMARIES[name](some, known)) for name in ("soft-tifa-am", "soft-tifa-gm"))
        if expected["error"]:
            assert "division by zero" in expected["error"], note
            assert (None, 0) in [*skills.values(), *atoms.values()], note
        printed = dict(re.findall(r"(\w+):\n([\d.]+)", expected["stdout"]))
        for skill, value in expected.get("skills", {}).items():
            assert skills[skill][0] == pytest.approx(value, rel=1e-9), (note, skill)
            assert str(round(value, 2)) == printed[skill.capitalize()]
        for count, (value, prompts) in expected.get("atomicity", {}).items():
            assert atoms[f"{count} atoms"] == (pytest.approx(value, rel=1e-9), prompts), (note, count)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    first, second = items(tmp_path)
    summary = SUMMARIES["soft-tifa-gm"]([first, second], {first.id: hearing(first, [0.25, 1.0, 1.0])})
    assert summary.headline.value == pytest.approx(0.25 ** (1 / 3)) and summary.missing == {"no picture": 1}
    assert [one.category for one in summary.samples] == ["3 atoms"] and summary.weights == {"3 atoms": 1}
    assert SUMMARIES["tifa"]([first], {}).headline.value is None
