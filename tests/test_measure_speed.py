"""The script that measures all of `irg bench speed` within minutes, on shapes that take seconds."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from typer.testing import CliRunner

from irg.cli.app import app

SCRIPT = Path(__file__).parents[1] / "docs" / "measure_speed.py"
TINY = {
    "--preset": "tiny",
    "--layers": "1",
    "--side": "64",
    "--thought-tokens": "3",
    "--points": "4",
    "--device": "cpu",
}


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_speed", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tiny(options: list[str]) -> list[str]:
    """The same, of a shape for tests."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    return [word for pair in (given | TINY).items() for word in pair]


def test_every_part_is_measured(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by the command that the script calls, here within this process; what differs in nothing but the
    preset once."""
    monkeypatch.setattr(script.torch.cuda, "is_available", lambda: False)
    parts = script.parts(tmp_path)
    assert list(parts) == ["bagel_7b", "bagel_7b_cheaper", "mid", "embedded", "cheaper"]
    assert parts.pop("cheaper") == ["--cheaper", "--prompts", "48", "--json"]
    for name in ("mid", "embedded"):
        own, whole = tiny(parts.pop(name)), tiny(parts["bagel_7b"])
        assert {*own} - {*whole} == {str(tmp_path / name)}
    for name, options in parts.items():
        done = CliRunner().invoke(app, ["bench", "speed", *tiny(options)])
        assert done.exit_code == 0, done.output
        found = json.loads((tmp_path / name / "speed.json").read_text())
        assert (tmp_path / name / "speed.png").exists() and found["peak_bytes"] > 0
        cheaper = ("int8", 3) if name == "bagel_7b_cheaper" else ("none", 1)
        assert (found["workload"]["weights"], found["workload"]["every"]) == cheaper


def test_a_gpu_runs_compiled_steps_too(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script.torch.cuda, "is_available", lambda: True)
    for memory, layers in ((141e9, None), (24e9, "16")):
        properties = SimpleNamespace(total_memory=memory)
        monkeypatch.setattr(script.torch.cuda, "get_device_properties", lambda device, own=properties: own)
        parts = script.parts(tmp_path)
        assert list(parts)[:3] == ["bagel_7b", "bagel_7b_compiled", "bagel_7b_cheaper"]
        assert "--compiled" in parts["bagel_7b_compiled"] and "fp8_matmul" in parts["bagel_7b_cheaper"]
        exact = parts["bagel_7b"]
        assert (exact[exact.index("--layers") + 1] if "--layers" in exact else None) == layers


def test_what_fails_and_what_there_was_no_time_for_is_named(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not script.measure(tmp_path, {"other": ["--preset", "nowhere"]})
    said = capsys.readouterr().out
    assert "failed: other (exit code 2)" in said and "nowhere" in said
    assert "nowhere" in (tmp_path / "other.log").read_text()
    assert not script.measure(tmp_path, {"mid": ["--preset", "mid"]}, most_seconds=0)
    assert "not measured for want of time: mid" in capsys.readouterr().out


def test_a_part_that_hangs_leaves_time_for_the_others(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hanging = {"mid": ["--preset", "mid"], "other": ["--preset", "nowhere"]}
    assert not script.measure(tmp_path, hanging, of_a_part=0.5)
    said = capsys.readouterr().out
    assert "mid (took longer than 0.5 s)" in said and "== other" in said
