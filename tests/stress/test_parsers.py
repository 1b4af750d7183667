"""Some inputs that nobody meant (`make stress` has more), and what the watch itself notices."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stress.fuzz import Finding, Outcome, Parser, Reader, fuzz, replay
from tests.stress.parsers import BY_NAME, PARSERS
from tests.stress.readers import WITHOUT

SEEDS = Path(__file__).parent / "seeds"


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_a_parser_stands_what_nobody_meant(parser: Parser, tmp_path: Path) -> None:
    found = fuzz(parser, 0, tmp_path, seconds=20, most_inputs=40)
    assert found.inputs > 0
    assert not found.findings, [(one.what, one.where) for one in found.findings.values()]


@pytest.mark.parametrize(
    "seed", sorted(SEEDS.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_was_found_before_stays_mended(seed: Path, tmp_path: Path) -> None:
    found = replay(BY_NAME[seed.parent.name], seed.read_bytes(), tmp_path)
    assert not found.findings, [(one.what, one.where) for one in found.findings.values()]


def test_whatever_reads_has_a_fuzzer_or_a_reason_for_none(tmp_path: Path) -> None:
    """In a process of its own: what other tests have loaded or watch is not seen here."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.stress.parsers import PARSERS\n"
        "from tests.stress.readers import come_through, readers\n"
        "seen = come_through(PARSERS, Path(sys.argv[1]))\n"
        "print(*(place for place, where in readers().items() if where not in seen))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    without = set(done.stdout.split())
    assert without - WITHOUT.keys() == set(), "give each a parser in this folder, or a reason in WITHOUT"
    assert WITHOUT.keys() - without == set(), "these have a fuzzer, or are gone: take them out of WITHOUT"


def reads(read: Reader) -> Parser:
    return Parser("it", lambda folder: ([b"0123456789" * 4], read))


def fail(data: bytes) -> None:
    if b"9" not in data:
        raise KeyError("9")


def spin(data: bytes) -> None:
    while data != b"0123456789" * 4:
        time.process_time()


def fill(data: bytes) -> None:
    if data != b"0123456789" * 4:
        assert len(bytearray(b"x") * (96 << 20))


def die(data: bytes) -> None:
    if data != b"0123456789" * 4:
        import os

        os._exit(3)


@pytest.mark.parametrize(
    ("read", "said"), [(fail, "KeyError: '9'"), (spin, "TooSlow: more than"), (fill, "memory"), (die, "died")]
)
def test_whatever_a_parser_does_not_stand_is_found(
    read: Reader, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.stress.fuzz.MOST_SECONDS", 0.2)
    monkeypatch.setattr("tests.stress.fuzz.MOST_BYTES", 64 << 20)
    found = fuzz(reads(read), 1, tmp_path, seconds=60, most_inputs=200 if read is fail else 1)
    (finding,) = found.findings.values()
    assert finding.what.startswith(said) and finding.parser == "it"
    again = replay(reads(read), bytes.fromhex(finding.data), tmp_path)
    assert [one.kind[:2] for one in again.findings.values()] == [finding.kind[:2]]
    assert read is not fail or len(finding.data) <= 2, "hypothesis makes it smaller"
    assert finding.save(tmp_path / "seeds").read_bytes() == bytes.fromhex(finding.data)


def test_a_parser_that_does_not_read_its_own_samples_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"it does not read what nobody changed:(.|\n)*KeyError"):
        fuzz(Parser("it", lambda folder: ([b"1"], fail)), 0, tmp_path, seconds=5)


def test_of_findings_of_a_kind_the_shortest_is_kept() -> None:
    outcome = Outcome()
    for data in ("aabb", "cc", "ddee"):
        outcome.found(Finding("it", f"KeyError: {data}", "core/x.py:f", data))
    assert [one.data for one in outcome.findings.values()] == ["cc"]
