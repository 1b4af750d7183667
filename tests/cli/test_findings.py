"""What is known about a data set, on the terminal."""

import pytest

from irg.cli.findings import print_table, show_findings
from irg.data.inspect import Finding
from irg.data.source import Fault, RowError


def finding(row: int, reason: Fault, detail: str) -> Finding:
    return Finding(RowError("some/where/part.parquet", row, reason, detail), None)


def test_rows_are_told_by_reason_the_most_frequent_first(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = list(Fault)[:2]
    rare = [finding(9, first, "too odd")]
    many = [finding(row, second, f"cut off\nat {row}") for row in range(5)]
    show_findings("rejected rows", rare + many)
    shown = capsys.readouterr().out
    assert shown.index(str(second)) < shown.index(str(first))
    assert "5  " + str(second) in shown and "and 2 more" in shown
    assert "part.parquet, row 2: cut off at 2" in shown and "row 3" not in shown
    assert "some/where" not in shown


def test_a_long_detail_is_cut_and_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_findings("rows", [finding(0, next(iter(Fault)), "\x1b[2J" + "x" * 500)])
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown and "x" * 150 + "..." in shown.replace("\n", "") and "x" * 160 not in shown


def test_without_findings_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_findings("rows", [])
    assert capsys.readouterr().out == ""


def test_numbers_are_aligned_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("tokens", ("", "most"), [("direct", "7"), ("edit", "1,024")])
    *_, head, first, second = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert len(first) == len(second) and head.endswith("most")
    assert first.startswith("direct") and first.endswith(" 7")
