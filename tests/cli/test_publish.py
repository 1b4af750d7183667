import json
from pathlib import Path

import numpy as np
import pytest

from irg.data.traces import TraceStore, TraceWriter
from tests.cli.conftest import Run
from tests.data.broken import trace


@pytest.fixture
def traces(work: Path) -> Path:
    with TraceWriter(work / "traces") as writer:
        for index in range(12):
            writer.write(trace(index, np.random.default_rng(index)))
    return work / "traces"


def test_publishing_an_extract_and_looking_at_what_would_be_sent(run: Run, traces: Path, work: Path) -> None:
    (work / "about.md").write_text("Made for *tests*.")
    options = ("--licence", "mit", "--about", "about.md", "--max-bytes", 44_000, "--held-out", 0.4)
    done = json.loads(run("publish", "export", traces, "out", *options, "--json").stdout)
    assert done["num_bytes"] <= 44_000 and done["num_available"] == 12
    assert {part: len(TraceStore(work / "out" / "data" / part)) for part in done["parts"]} == done["parts"]
    card = (work / "out" / "README.md").read_text()
    assert "\n# out\n\nMade for *tests*.\n" in card
    result = run("publish", "upload", "out", "me/set", "--dry-run")
    assert result.exit_code == 0
    assert "data/train/traces-00000.parquet" in result.stdout
    assert f"{done['num_bytes']:,} bytes would be sent to me/set" in result.stdout


def test_publishing_tar_files_says_what_was_written(run: Run, traces: Path, work: Path) -> None:
    result = run("publish", "export", traces, "out", "--to", "webdataset", "--license", "mit", "--quiet")
    size = sum(path.stat().st_size for path in (work / "out").rglob("[!.]*.*"))
    assert f"12 of 12 traces (12 in train), {size:,} bytes in out" in result.stdout
    assert (work / "out" / "data" / "train" / "train-000000.tar").is_file()


def test_a_checkpoint_is_looked_at_before_it_is_sent(run: Run, checkpoint: Path) -> None:
    result = run("publish", "checkpoint", checkpoint, "me/model", "--licence", "mit", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "ema.safetensors" in result.stdout and "bytes would be sent to me/model" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "traces", "out"), "expected a licence for the set (--licence)"),
        (("export", "nowhere", "out"), "nowhere holds no set"),
        (("export", "traces", "traces"), "traces would replace what is read"),
        (("export", "traces", "out", "--held-out", "1"), "held-out share 1.0"),
        (("export", "traces", "out", "--licence", "mit", "--max-bytes", 99), "99 bytes are too few"),
        (("export", "traces", "out", "--about", "nowhere.md"), "nowhere.md: No such file"),
        (("export", "traces", "out", "--about", "latin1.md"), "latin1.md is not UTF-8 text"),
        (("upload", "traces", "me/set"), "traces is no published set"),
        (("upload", "traces", "set"), "expected OWNER/NAME"),
    ],
)
def test_what_was_asked_wrongly_is_one_line(run: Run, traces: Path, arguments: tuple, message: str) -> None:
    Path("latin1.md").write_bytes(b"caf\xe9")
    result = run("publish", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr and len(result.stderr.splitlines()) == 1
