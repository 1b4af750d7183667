import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from irg.bench.protocol import OfficialFile
from irg.bench.sources import PINS, HashCheck, download, folder_of, official_files
from tests.bench.small import COLOURS
from tests.scorers.serving import running

DATA = {"prompts.jsonl": b'{"prompt": "red"}\n', "more/answers.txt": b"yes\n"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of the files."""
    for name, content in DATA.items():
        (tmp_path / "served" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "served" / name).write_bytes(content)
    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with running(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as found:
        yield found


def files(address: str, **hashes: str) -> tuple[OfficialFile, ...]:
    known = {name: hashlib.sha256(content).hexdigest() for name, content in DATA.items()} | hashes
    return tuple(OfficialFile(name, f"{address}/{name}", known[name]) for name in DATA)


def test_files_are_fetched_once_and_checked(address: str, tmp_path: Path) -> None:
    benchmark, told = replace(COLOURS, sources=files(address)), []
    with pytest.raises(
        ValueError, match=r"lacks prompts.jsonl, more/answers.txt of colours: get it with irg"
    ):
        official_files(benchmark, tmp_path / "here")
    for _ in range(2):
        download(benchmark, tmp_path / "here", lambda one, *how: told.append((one.path, *how)))
    checked = HashCheck.KNOWN
    assert told == [(name, is_new, checked) for is_new in (True, False) for name in DATA]
    found = official_files(benchmark, tmp_path / "here")
    assert found.hashes == {one.path: one.sha256 for one in benchmark.sources} and not found.modified
    assert sorted(path.name for path in (tmp_path / "here").rglob("*")) == [
        "answers.txt",
        "more",
        "prompts.jsonl",
    ]


def test_of_an_unknown_hash_that_of_the_first_fetch_holds(address: str, tmp_path: Path) -> None:
    begun = hashlib.sha256(DATA["more/answers.txt"]).hexdigest()[:12]
    sources = (OfficialFile("prompts.jsonl", f"{address}/prompts.jsonl"),)
    sources += (OfficialFile("more/answers.txt", f"{address}/more/answers.txt", begun),)
    benchmark, told = replace(COLOURS, sources=sources), []
    for _ in range(2):
        download(benchmark, tmp_path / "here", lambda one, *how: told.append(how))
    assert told == [(True, HashCheck.PINNED)] * 2 + [(False, HashCheck.AS_BEFORE)] * 2
    assert not official_files(benchmark, tmp_path / "here").modified
    (tmp_path / "served" / "prompts.jsonl").write_bytes(b"others")
    download(benchmark, tmp_path / "here")
    (tmp_path / "here" / "prompts.jsonl").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"holds other data than colours is known by \(prompts.jsonl is "):
        official_files(benchmark, tmp_path / "here")
    with pytest.raises(
        ValueError, match=rf"prompts.jsonl is .*changed there since .*here/{PINS} was written"
    ):
        download(benchmark, tmp_path / "here")
    (tmp_path / "here" / PINS).write_text('{"prompts.jsonl": 1}')
    with pytest.raises(ValueError, match=rf"{PINS}: prompts.jsonl: expected a hash"):
        official_files(benchmark, tmp_path / "here")


def test_what_was_changed_there_is_not_put_in_place(address: str, tmp_path: Path) -> None:
    benchmark = replace(COLOURS, sources=files(address, **{"more/answers.txt": "0" * 64}))
    with pytest.raises(ValueError, match=r"more/answers.txt is .*, expected 0000.*it was changed there"):
        download(benchmark, tmp_path / "here")
    assert [path.name for path in (tmp_path / "here").rglob("*.*")] == ["prompts.jsonl"]
    gone = replace(COLOURS, sources=(OfficialFile("x", f"{address}/nothing", None),))
    with pytest.raises(ValueError, match="nothing cannot be fetched"):
        download(gone, tmp_path / "here")


class Breaking(Quiet):
    """Says ten bytes more than it gives."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b"one")


def test_what_breaks_off_is_not_put_in_place(tmp_path: Path) -> None:
    with running(ThreadingHTTPServer(("127.0.0.1", 0), Breaking)) as address:
        benchmark = replace(COLOURS, sources=(OfficialFile("lines.txt", f"{address}/lines.txt"),))
        with pytest.raises(ValueError, match=r"lines.txt broke off: 3 bytes, expected 13"):
            download(benchmark, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pin_of_an_older_file_is_none_of_the_new_one(address: str, tmp_path: Path) -> None:
    """Where the protocol has since been checked against another, of whose hash the beginning is known."""
    download(replace(COLOURS, sources=files(address)), tmp_path)
    (tmp_path / PINS).write_text(json.dumps(dict.fromkeys(DATA, "0" * 64)))
    begun = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in DATA.items()}
    newer = replace(COLOURS, sources=files(address, **begun))
    assert official_files(newer, tmp_path).modified == ()
    download(newer, tmp_path)
    assert json.loads((tmp_path / PINS).read_text()) == official_files(newer, tmp_path).hashes


def test_what_the_hub_does_not_have_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **options: object) -> str:
        raise FileNotFoundError("the hub cannot be reached")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fails)
    benchmark = replace(COLOURS, sources=(OfficialFile("x", "hf://datasets/who/what@main/x"),))
    with pytest.raises(ValueError, match="what@main/x cannot be fetched: the hub cannot be reached"):
        download(benchmark, tmp_path)


def test_other_data_is_refused_unless_it_is_asked_for(address: str, tmp_path: Path) -> None:
    benchmark = replace(COLOURS, sources=files(address))
    download(benchmark, tmp_path)
    (tmp_path / "prompts.jsonl").write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"prompts.jsonl is [0-9a-f]{12}, not .*--allow-modified-data"):
        official_files(benchmark, tmp_path)
    assert official_files(benchmark, tmp_path, allow_modified=True).modified == ("prompts.jsonl",)
    begun = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in DATA.items()}
    known = replace(COLOURS, sources=files(address, **begun))
    assert official_files(known, tmp_path, allow_modified=True).modified == ("prompts.jsonl",)


def test_the_folder_is_given_or_named_after_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_of(COLOURS, Path("given")) == Path("given")
    monkeypatch.setenv("IRG_BENCH_SOURCES", "/data")
    assert folder_of(COLOURS) == Path("/data/colours")
    monkeypatch.delenv("IRG_BENCH_SOURCES")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert folder_of(COLOURS) == Path("/cache/irg/bench/colours")
