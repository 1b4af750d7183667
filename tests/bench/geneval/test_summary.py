import re
from dataclasses import replace
from pathlib import Path

import pytest

from irg.bench.geneval.evidence import VERDICT
from irg.bench.geneval.summary import summarise
from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, Hearing, Status
from irg.scorers.geneval.asked import TAGS
from tests.bench.cases import Cases
from tests.bench.geneval.samples import CUP, DOG, hearing, items

CASES = Cases("geneval_summary.json", "case_ids", "stdout", "geneval_results_txt")
VERDICTS = Cases("geneval_cases.json", "cases")


def test_golden_summary() -> None:
    """One item for each distinct prompt, with a picture for each case, as the official script groups them."""
    by_id = {case["id"]: case for case in VERDICTS["cases"]}
    of_prompt: dict[str, list[dict]] = {}
    wanted = CASES["case_ids"]
    for number in wanted:
        if number not in by_id:
            pytest.skip(f"case {number} is not among the cases")
        of_prompt.setdefault(str(by_id[number]["metadata"]), []).append(by_id[number])
    some, heard = [], {}
    for index, cases in enumerate(of_prompt.values()):
        item = Item(str(index), "", tuple(range(len(cases))), cases[0]["metadata"])
        rows = tuple(
            EvidenceRow(number, VERDICT, {key: case["expected"][key] for key in ("correct", "reason")})
            for number, case in enumerate(cases)
        )
        some.append(item)
        heard[item.id] = Hearing(item.id, 1, dict.fromkeys(range(len(cases)), ""), {}, rows)
    summary = summarise(some, heard)
    figures = {one.name: one for one in summary.figures}
    printed = CASES["stdout"]["geneval"]
    for tag in TAGS:
        share, right, count = re.search(rf"{tag} += ([\d.]+)% \((\d+) / (\d+)\)", printed).groups()  # type: ignore[union-attr]
        found = figures[tag]
        assert found.value is not None
        assert (f"{found.value:.2%}", found.counted) == (f"{share}%", int(count))
        assert round(found.value * found.counted) == int(right)
    for name, words in (("pictures", "images"), ("prompts with a right picture", "prompts")):
        found = figures[name]
        assert f"Total {words}: {found.counted}" in printed
        assert f"% correct {words}: {found.value:.2%}" in printed
    assert f"{summary.headline.value:.5f}" == re.search(r"over tasks\): ([\d.]+)", printed)[1]  # type: ignore[index]
    assert summary.is_complete


def test_golden_means_of_as_many_right_pictures() -> None:
    """The same from the printed counts alone, each picture of a prompt of its own."""
    printed = CASES["stdout"]["geneval"]
    some, heard = [], {}
    for tag, right, count in re.findall(r"(\w+) += [\d.]+% \((\d+) / (\d+)\)", printed):
        for number in range(int(count)):
            item = Item(f"{tag}{number}", "", (0,), {"tag": tag})
            row = EvidenceRow(0, VERDICT, {"correct": number < int(right), "reason": ""})
            some.append(item)
            heard[item.id] = Hearing(item.id, 1, {0: ""}, {}, (row,))
    summary = summarise(some, heard)
    for figure in summary.figures:
        if figure.name in TAGS:
            assert f"{figure.name:16} = {figure.value:.2%}" in printed
    assert f"Overall score (avg. over tasks): {summary.headline.value:.5f}" in printed
    assert f"% correct images: {summary.figures[-2].value:.2%}" in printed
    assert CASES["stdout"]["bagel"].startswith(printed.rstrip())
    short = [f"{one.value:.2f}" for one in (*summary.figures[: len(TAGS)], summary.headline)]
    assert CASES["geneval_results_txt"].splitlines()[1].split() == short


def test_tags_count_alike_however_many_pictures_they_have(tmp_path: Path) -> None:
    one, two, *_ = items(tmp_path)
    heard = {one.id: hearing(one, [CUP], [], [], []), two.id: hearing(two, [DOG, DOG])}
    summary = summarise([one, replace(two, seeds=two.seeds[:1])], heard)
    assert summary.headline.value == (0.25 + 1) / 2 and summary.weights == {
        "single_object": 0.5,
        "counting": 0.5,
    }
    assert [(figure.name, figure.value, figure.counted) for figure in summary.figures] == [
        ("single_object", 0.25, 4),
        ("counting", 1, 1),
        ("pictures", 0.4, 5),
        ("prompts with a right picture", 1, 2),
    ]
    assert summary.is_complete and len(summary.samples) == 5


def test_what_is_missing_is_neither_wrong_nor_left_out(tmp_path: Path) -> None:
    one, two, *_ = items(tmp_path)
    failed = hearing(two, [DOG, DOG], [DOG], None, None)
    rows = (failed.rows[0], replace(failed.rows[1], status=Status.JUDGE_ERROR))
    summary = summarise([one, two], {two.id: replace(failed, rows=rows)})
    assert summary.headline.value == 1 and summary.headline.expected == 8 and summary.headline.counted == 1
    assert summary.missing == {"no picture": 6, "judge error": 1} and not summary.is_complete
    empty = summarise([one, two], {})
    assert empty.headline.value is None and empty.missing == {"no picture": 8}
