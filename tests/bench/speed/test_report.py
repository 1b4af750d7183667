import json
from pathlib import Path

import pytest

from irg.bench.speed.measure import Speed
from irg.bench.speed.report import compared, details, plot, read_run, rows, summary, write


def test_the_summary_is_what_other_programs_read(speed: Speed) -> None:
    found = summary(speed)
    assert {name: set(found[name]) for name in ("kernel_calls", "of_limit")} == {
        "kernel_calls": {"per_token", "per_step"},
        "of_limit": {"text", "drawing"},
    }
    assert found.keys() == {"kernel_calls", "of_limit", "phases", "peak_bytes"}
    assert all(set(taken) == {"wall", "cpu"} for taken in found["phases"].values())
    assert json.loads(json.dumps(found)) == found


def test_details_add_shares_of_the_machine(speed: Speed, tmp_path: Path) -> None:
    found = details(speed)
    assert summary(speed).items() <= found.items()
    share = found["shares"]["image 2"]["flops"]
    assert 0 < share < 1
    assert len(rows(found)) == 7 and rows(found)[0][0] == "prefill"
    write(found, tmp_path / "speed.json")
    assert read_run(tmp_path / "speed.json")["phases"] == found["phases"]


def test_two_runs_are_compared_value_by_value(speed: Speed) -> None:
    before = summary(speed)
    after = json.loads(json.dumps(before))
    after["of_limit"]["text"] = before["of_limit"]["text"] / 2
    pairs = {name: (old, new) for name, old, new in compared(before, after)}
    assert pairs["of_limit: text"] == (before["of_limit"]["text"], before["of_limit"]["text"] / 2)
    assert pairs["thought: wall s"][0] == pairs["thought: wall s"][1] == before["phases"]["thought"]["wall"]
    assert len(pairs) == 2 * 7 + 5


@pytest.mark.parametrize("content", ["{}", '{"phases": {}}', '{"phases": 3}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(ValueError, match=r"other\.json is no run of irg bench speed"):
        read_run(tmp_path / "other.json")


def test_a_run_is_of_numbers(speed: Speed, tmp_path: Path) -> None:
    write(summary(speed) | {"peak_bytes": "many"}, tmp_path / "torn.json")
    with pytest.raises(ValueError, match=r"torn\.json is no run of irg bench speed: peak bytes"):
        read_run(tmp_path / "torn.json")


def test_the_plot_is_a_picture(speed: Speed, tmp_path: Path) -> None:
    assert plot(speed, tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
