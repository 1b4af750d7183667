import io
import json
import random
import tarfile
from pathlib import Path

import pytest

from irg.data.foreign import tars
from irg.data.foreign.row import ForeignRow
from irg.data.foreign.tars import TarRows
from irg.data.source import Fault, RowError
from tests.data.foreign.pictured import colour_of, encoded


def write(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


FILES = {
    "in/0.jpg": encoded("red"),
    "in/0.txt": b" a cat\n",
    "in/0.json": json.dumps({"text": "unread: there is a text of its own", "licence": "CC0"}).encode(),
    "in/1.json": json.dumps({"prompt": "a dog"}).encode(),
    "in/1.image1.png": encoded("blue"),
    "README": b"no sample",
}


@pytest.mark.parametrize("mode", ("w", "w:gz"))
def test_files_of_one_key_are_a_row(tmp_path: Path, mode: str) -> None:
    rows = TarRows([write(tmp_path / "a.tar", FILES, mode), write(tmp_path / "b.tar", {"x.jpg": b""}, mode)])
    first, second, third = rows
    assert len(rows) == 3 and isinstance(first, ForeignRow) and isinstance(second, ForeignRow)
    assert first.values["text"] == "a cat" and first.values["licence"] == "CC0"
    assert colour_of(first.picture("image")) == "red" and first.values["key"] == "in/0"
    assert second.values["prompt"] == "a dog" and colour_of(second.picture("image1")) == "blue"
    assert isinstance(third, ForeignRow) and third.place == (str(tmp_path / "b.tar"), 0)


def test_a_file_that_cannot_be_read_costs_its_sample_alone(tmp_path: Path) -> None:
    files = {"0.json": b"{", "1.txt": b"\xe9", "2.json": b"[1]", "3.txt": b"good"}
    found = list(TarRows([write(tmp_path / "a.tar", files)]))
    reasons = [one.reason if isinstance(one, RowError) else one.values["text"] for one in found]
    assert reasons == [Fault.BAD_JSON, Fault.WRONG_TYPE, Fault.WRONG_TYPE, "good"]


def test_a_truncated_file_ends_with_a_row_that_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", {f"{n}.jpg": encoded() * 20 for n in range(4)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    *rows, last = TarRows([path])
    assert isinstance(last, RowError) and last.reason is Fault.UNREADABLE and last.row == len(rows)
    (tmp_path / "b.tar").write_bytes(b"no tar at all" * 100)
    (only,) = TarRows([tmp_path / "b.tar"])
    assert isinstance(only, RowError) and len(TarRows([tmp_path / "b.tar"])) == 1


def test_a_damaged_zipped_file_ends_with_a_row_that_says_so(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tar.gz", {f"{n}.txt": random.Random(n).randbytes(4000) for n in range(4)}, "w:gz"
    )
    whole = path.read_bytes()
    for number in range(40):
        place = random.Random(number).randrange(100, len(whole))
        path.write_bytes(
            whole[:place] + bytes(byte ^ 0xFF for byte in whole[place : place + 40]) + whole[place + 40 :]
        )
        rows = TarRows([path])
        assert len(rows) > 0
        *_, last = rows
        assert isinstance(last, RowError)


def test_links_are_no_files_and_too_large_ones_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("0.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert list(TarRows([path])) == []
    monkeypatch.setattr(tars, "MOST_BYTES", 10)
    (found,) = TarRows([write(tmp_path / "b.tar", {"0.txt": b"eleven bytes"})])
    assert isinstance(found, RowError) and "more than 10 bytes" in found.detail
