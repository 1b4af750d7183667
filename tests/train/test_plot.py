import json
from pathlib import Path

import pytest
from PIL import Image

from irg.train.plot import plot, read_metrics, smooth


def write(run: Path, lines: list[dict[str, float]]) -> Path:
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def test_the_losses_of_a_run_by_name(tmp_path: Path) -> None:
    run = write(
        tmp_path / "base",
        [
            {"step": 10, "loss": 3.0, "flow/direct": 1.0, "text/question": 2.0, "norm": 1.0},
            {"step": 20, "loss": 2.0, "flow/direct": 0.5, "seconds": 9.0},
        ],
    )
    assert read_metrics(run) == {"flow/direct": [(10, 1.0), (20, 0.5)], "text/question": [(10, 2.0)]}


def test_points_are_averaged_in_order_with_what_is_left_over(tmp_path: Path) -> None:
    points = [(10, 1.0), (20, 3.0), (30, 5.0), (40, 7.0), (50, 9.0)]
    assert smooth(points, over=2) == ([15, 35, 50], [2, 6, 9])


def test_a_run_without_metrics_or_losses_is_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ValueError, match="nothing holds no metrics"):
        read_metrics(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"metrics\.jsonl holds no losses"):
        read_metrics(write(tmp_path / "autoencoder", [{"step": 10, "loss": 1.0, "psnr": 20.0}]))


def test_runs_are_drawn_into_one_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lines = [{"step": step, "flow/direct": 1 / step, "text/question": 2 / step} for step in range(1, 40)]
    runs = [write(tmp_path / name, lines) for name in ("base", "irgl")]
    plot(runs, tmp_path / "training.png")
    with Image.open(tmp_path / "training.png") as drawn:
        assert drawn.width > 1_000 and len(set(drawn.convert("L").tobytes())) > 10
