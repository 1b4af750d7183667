import json
from pathlib import Path

from irg.train.metrics import MetricsLog


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_so_many_steps_are_written(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.jsonl", total=5, every=2) as log:
        for step in range(1, 6):
            log.record(step, {"loss": 1 / 3}, seconds=step)
    assert lines(tmp_path / "metrics.jsonl") == [
        {"step": 2, "loss": 0.333333, "seconds": 2},
        {"step": 4, "loss": 0.333333, "seconds": 4},
    ]


def test_a_later_run_appends_and_a_silent_one_does_not(tmp_path: Path) -> None:
    for silent in (False, True, False):
        with MetricsLog(tmp_path / "metrics.jsonl", total=1, every=1, silent=silent) as log:
            log.record(1, {"loss": 0.5})
    assert len(lines(tmp_path / "metrics.jsonl")) == 2
