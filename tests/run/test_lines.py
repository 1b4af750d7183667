from pathlib import Path

import pytest

from irg.run.lines import lines_until


def test_lines_of_a_span_of_steps_are_read_and_half_a_line_is_not(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    lines = [f'{{"step": {step}, "value": {step / 3}}}' for step in (0, 1, 2, 5)]
    path.write_text("\n".join([*lines, '{"step": 2, "val']))
    assert list(lines_until(path, 2)) == lines[:3]
    assert list(lines_until(path, 2, after=0)) == lines[1:3]


def test_half_a_line_within_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 2}\n')
    with pytest.raises(ValueError, match=r"some\.jsonl, line 2 is not valid JSON"):
        list(lines_until(path, 2))
