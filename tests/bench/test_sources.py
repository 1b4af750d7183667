import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from irg.bench.protocol import OfficialFile
from irg.bench.sources import download, folder_of, official_files
from tests.bench.small import COLOURS

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
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


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
        download(benchmark, tmp_path / "here", lambda one, fetched: told.append((one.path, fetched)))
    assert told == [(name, True) for name in DATA] + [(name, False) for name in DATA]
    found = official_files(benchmark, tmp_path / "here")
    assert found.hashes == {one.path: one.sha256 for one in benchmark.sources} and not found.modified
    assert sorted(path.name for path in (tmp_path / "here").rglob("*")) == [
        "answers.txt",
        "more",
        "prompts.jsonl",
    ]


def test_what_was_changed_there_is_not_put_in_place(address: str, tmp_path: Path) -> None:
    benchmark = replace(COLOURS, sources=files(address, **{"more/answers.txt": "0" * 64}))
    with pytest.raises(ValueError, match=r"more/answers.txt is .*, expected 0000.*it was changed there"):
        download(benchmark, tmp_path / "here")
    assert [path.name for path in (tmp_path / "here").rglob("*.*")] == ["prompts.jsonl"]
    gone = replace(COLOURS, sources=(OfficialFile("x", f"{address}/nothing", None),))
    with pytest.raises(ValueError, match="nothing cannot be fetched"):
        download(gone, tmp_path / "here")


def test_other_data_is_refused_unless_it_is_asked_for(address: str, tmp_path: Path) -> None:
    benchmark = replace(COLOURS, sources=files(address))
    download(benchmark, tmp_path)
    (tmp_path / "prompts.jsonl").write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"prompts.jsonl is [0-9a-f]{12}, not .*--allow-modified-data"):
        official_files(benchmark, tmp_path)
    assert official_files(benchmark, tmp_path, allow_modified=True).modified == ("prompts.jsonl",)


def test_the_folder_is_given_or_named_after_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_of(COLOURS, Path("given")) == Path("given")
    monkeypatch.setenv("IRG_BENCH_SOURCES", "/data")
    assert folder_of(COLOURS) == Path("/data/colours")
    monkeypatch.delenv("IRG_BENCH_SOURCES")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert folder_of(COLOURS) == Path("/cache/irg/bench/colours")
