import json
import math
import resource
import struct
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from irg.run.metrics import LogSettings, MetricsLog, Work, peak_memory


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(folder: Path, steps: range, settings: LogSettings | None = None, silent: bool = False) -> None:
    """Steps start + 1 to stop of a run of four steps, whose losses are known from their step."""
    with MetricsLog(folder, settings or LogSettings(), total=4, start=steps.start, silent=silent) as log:
        for step in range(steps.start + 1, steps.stop + 1):
            log.record(step, {"loss": 1 / step, "text/full": math.pi * step}, {"seconds": 0.1})


def test_every_step_is_written_with_all_its_digits(tmp_path: Path) -> None:
    run(tmp_path, range(0, 4))
    assert lines(tmp_path / "metrics.jsonl") == [
        {"step": step, "loss": 1 / step, "text/full": math.pi * step, "seconds": 0.1} for step in range(1, 5)
    ]
    first = (tmp_path / "metrics.jsonl").read_text().splitlines()[0]
    assert list(json.loads(first)) == ["step", "loss", "text/full", "seconds"]


def test_float32_losses_survive_to_the_bit(tmp_path: Path) -> None:
    exact = torch.tensor(1 / 3).item()
    with MetricsLog(tmp_path, LogSettings(), total=1) as log:
        log.record(1, {"loss": exact})
    assert struct.pack("d", lines(tmp_path / "metrics.jsonl")[0]["loss"]) == struct.pack("d", exact)


def test_every_so_many_steps_and_the_last_are_written(tmp_path: Path) -> None:
    run(tmp_path, range(0, 4), LogSettings(every=3))
    assert [line["step"] for line in lines(tmp_path / "metrics.jsonl")] == [3, 4]


def test_a_resumed_run_repeats_what_was_past_its_checkpoint(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    run(whole, range(0, 4))
    run(cut, range(0, 3))
    with MetricsLog(cut, LogSettings(), total=4, start=1) as log:
        assert [line["step"] for line in lines(cut / "metrics.jsonl")] == [1]
        log.record(2, {"loss": 1 / 2, "text/full": math.pi * 2}, {"seconds": 0.1})
    run(cut, range(2, 4))
    assert (cut / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


def test_half_a_line_at_the_end_is_dropped(tmp_path: Path) -> None:
    run(tmp_path, range(0, 3))
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text()[:-20])
    run(tmp_path, range(2, 4))
    assert [line["step"] for line in lines(path)] == [1, 2, 3, 4]


def test_a_broken_line_elsewhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line 2 is not valid JSON"):
        run(tmp_path, range(3, 4))


def test_evaluations_have_a_file_of_their_own(tmp_path: Path) -> None:
    for start, value in ((0, 0.5), (2, 0.25)):
        with MetricsLog(tmp_path, LogSettings(), total=4, start=start) as log:
            for step in range(start + 1, 5):
                log.record_evaluation(step, {"loss": value})
    assert [line["loss"] for line in lines(tmp_path / "evaluation.jsonl")] == [0.5, 0.5, 0.25, 0.25]


def test_a_silent_log_writes_nothing_and_drops_nothing(tmp_path: Path) -> None:
    run(tmp_path, range(0, 4))
    before = (tmp_path / "metrics.jsonl").read_bytes()
    run(tmp_path, range(0, 4), silent=True)
    with MetricsLog(tmp_path, LogSettings(tensorboard=True), total=4, silent=True) as log:
        log.record_evaluation(1, {"loss": 1.0})
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.jsonl", "metrics.jsonl"]


def test_a_console_without_a_progress_bar_gets_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Work(documents=8, tokens=900, capacity=1000, flops=1e9, seconds=2.0, waited=0.5)
    with MetricsLog(tmp_path, LogSettings(), total=None) as log:
        log.record(1, {"loss": 0.25, "text/full": 3.0}, work.speeds(peak=1e9))
    with MetricsLog(tmp_path, LogSettings(), total=12, start=1) as log:
        for step in range(2, 13):
            log.record(step, {"loss": 1.0})
    shown = capsys.readouterr().err.splitlines()
    assert shown == ["step 1  loss 0.25  450 tokens/s  MFU 50.0%", "step 2/12  loss 1", "step 12/12  loss 1"]


def test_speeds() -> None:
    work = Work(documents=8, tokens=900, capacity=1000, flops=4e12, seconds=2.0, waited=0.5)
    assert work.speeds(peak=8e12) == {
        "seconds": 2.0,
        "data_wait": 0.25,
        "samples_per_second": 4.0,
        "tokens_per_second": 450.0,
        "tflops": 2.0,
        "mfu": 0.25,
        "padding": pytest.approx(0.1),
    }
    unlimited = Work(documents=8, tokens=900, capacity=0, flops=4e12, seconds=2.0, waited=0.5).speeds()
    assert not {"mfu", "padding"} & unlimited.keys()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads how much memory Linux says is used")
def test_peak_memory_of_a_cpu_is_that_of_the_process() -> None:
    peak = peak_memory(torch.device("cpu"))
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    assert 0.99 * resident < peak < 100 * resident
    assert peak_memory(torch.device("cpu")) >= peak


def test_tensorboard_holds_every_number_and_hides_what_was_repeated(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for start, value in ((0, 0.5), (2, 0.25)):
        with MetricsLog(tmp_path, LogSettings(tensorboard=True), total=4, start=start) as log:
            for step in range(start + 1, 5):
                log.record(step, {"loss": value}, {"seconds": 1.0})
            log.record_evaluation(4, {"loss": value})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [
        (1, 0.5),
        (2, 0.5),
        (3, 0.25),
        (4, 0.25),
    ]
    assert set(events.Tags()["scalars"]) == {"loss", "seconds", "evaluation/loss"}


def test_wandb_that_is_not_installed_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    settings = LogSettings.model_validate({"wandb": {"project": "p"}})
    with pytest.raises(ValueError, match="pip install wandb"), MetricsLog(tmp_path, settings, total=1):
        pass


@pytest.mark.parametrize("wrong", [{"every": 0}, {"wandb": {}}, {"tensorbord": True}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LogSettings.model_validate(wrong)
