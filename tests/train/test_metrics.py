import json
from pathlib import Path

from irg.train.metrics import MetricsLog


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_so_many_steps_and_the_last_are_written(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.jsonl", total=5, every=2) as log:
        for step in range(1, 6):
            log.record(step, {"loss": 1 / 3}, seconds=step)
    assert lines(tmp_path / "metrics.jsonl") == [
        {"step": 2, "loss": 0.333333, "seconds": 2},
        {"step": 4, "loss": 0.333333, "seconds": 4},
        {"step": 5, "loss": 0.333333, "seconds": 5},
    ]


def test_a_resumed_run_drops_what_it_repeats_and_appends(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for start, value in ((0, 0.5), (2, 0.25)):
        with MetricsLog(path, total=4, start=start, every=1) as log:
            for step in range(start + 1, 5):
                log.record(step, {"loss": value})
    assert [line["loss"] for line in lines(path)] == [0.5, 0.5, 0.25, 0.25]
    assert [line["step"] for line in lines(path)] == [1, 2, 3, 4]


def test_a_silent_log_writes_nothing_and_drops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for silent in (False, True):
        with MetricsLog(path, total=1, every=1, silent=silent) as log:
            log.record(1, {"loss": 0.5})
    assert lines(path) == [{"step": 1, "loss": 0.5}]
