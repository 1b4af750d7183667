from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from irg.data.traces import TraceWriter
from irg.publish import Packaging
from irg.publish.card_front import Title
from irg.publish.extract import Extract
from irg.publish.publishing import Publishing, publish
from irg.publish.upload import Upload, check, send
from tests.data.broken import trace
from tests.publish.fake_hub import FakeHub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A published set of two parts."""
    with TraceWriter(tmp_path / "in") as writer:
        for index in range(8):
            writer.write(trace(index, np.random.default_rng(index)))
    publish(tmp_path / "in", tmp_path / "out", Publishing(Title("Set", "mit"), Extract(held_out=0.5)))
    return tmp_path / "out"


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    return "Bearer hf_test"


def test_checking_lists_all_that_would_be_sent(folder: Path) -> None:
    sending = check(Upload(folder, "me/set"))
    names = ("manifest.json", "traces-00000.parquet")
    data = {f"data/{part}/{name}" for part in ("train", "held_out") for name in names}
    assert set(sending) == {"README.md"} | data
    assert sending == {name: (folder / name).stat().st_size for name in sending}


def test_sends_everything_in_the_place_of_what_was_there(
    folder: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = {"data/train/traces-00009.parquet": b"old", "notes.md": b"theirs"}
    with FakeHub(dict(stale)).running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        address = send(Upload(folder, "me/set", private=True, message="First"))
    assert address == f"{hub.address}/datasets/me/set/commit/abc"
    expected = {name: (folder / name).read_bytes() for name in check(Upload(folder, "me/set"))}
    assert hub.files == {**expected, "notes.md": b"theirs"}
    asked = "/api/repos/create", "/api/datasets/me/set/preupload/main", "/api/datasets/me/set/commit/main"
    assert [hub.tokens[path] for path in asked] == [token] * 3
    assert [(commit["summary"], commit["branch"]) for commit in hub.commits] == [("First", "main")]
    created = hub.created[0]
    assert (created["type"], created["name"], created["organization"]) == ("dataset", "set", "me")
    assert "private" in (created.get("visibility"), "private" if created.get("private") else None)


def test_goes_to_a_branch_where_that_is_wished(
    folder: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeHub().running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        send(Upload(folder, "me/set", revision="next"))
    assert [commit["branch"] for commit in hub.commits] == ["next"]


def test_what_the_hub_refuses_is_raised(folder: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeHub(refusal=403).running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        with pytest.raises(OSError, match="403"):
            send(Upload(folder, "me/set"))
    assert hub.files == {}


def test_without_a_token_nothing_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(folder / "no token"))
    with FakeHub().running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        with pytest.raises(ValueError, match="expected a token in HF_TOKEN"):
            send(Upload(folder, "me/set"))
    assert not hub.tokens


@pytest.mark.parametrize("repo", ["set", "me/my/set", "me/se t", "me/", ""])
def test_refuses_what_is_no_name_on_the_hub(repo: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"OWNER/NAME|[Rr]epo id"):
        check(Upload(folder, repo))


def test_refuses_a_folder_that_is_not_as_it_was_published(folder: Path, tmp_path: Path) -> None:
    upload = Upload(folder, "me/set")
    with pytest.raises(ValueError, match="is no published set"):
        check(replace(upload, folder=tmp_path / "in"))
    stray = folder / "data" / "train" / ".env"
    stray.write_text("KEY=1")
    with pytest.raises(ValueError, match=r"was not published: data/train/\.env"):
        check(upload)
    stray.unlink()
    path = folder / "data" / "train" / "traces-00000.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"train: traces-00000.parquet has SHA-256"):
        check(upload)


def test_tar_files_are_compared_with_their_index(tmp_path: Path, folder: Path) -> None:
    made = Publishing(Title("Set", "mit"), layout=Packaging.WEBDATASET)
    publish(tmp_path / "in", tmp_path / "tars", made)
    upload = Upload(tmp_path / "tars", "me/set")
    assert "data/train/train-000000.tar" in check(upload)
    (tmp_path / "tars" / "data" / "train" / "train-000000.tar").write_bytes(b"")
    with pytest.raises(ValueError, match=r"train-000000.tar is missing or not what index.json says"):
        check(upload)
