from pathlib import Path

import huggingface_hub.constants
import pytest

from irg.model.checkpoint import CheckpointFolder
from irg.model.hub import HubName, is_hub_id
from irg.model.weights import CheckpointError
from tests.data.small import write_checkpoint

COMMIT = "0" * 40


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that was fetched from the hub, with two revisions; nothing else can be had."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    repo = tmp_path / "hub" / "models--owner--name"
    (repo / "refs").mkdir(parents=True)
    for name, commit in (("main", COMMIT), ("v2", "1" * 40)):
        write_checkpoint(repo / "snapshots" / commit)
        (repo / "refs" / name).write_text(commit)
    return repo / "snapshots"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("owner/name-1.0", HubName("owner/name-1.0")),
        ("owner/name@v2", HubName("owner/name", "v2")),
        ("owner/name@refs/pr/1", HubName("owner/name", "refs/pr/1")),
        ("owner/name/ema_bf16.safetensors", HubName("owner/name", None, "ema_bf16.safetensors")),
        ("owner/name@v2/model.safetensors", HubName("owner/name", "v2", "model.safetensors")),
        ("name", None),
        ("a/b/c", None),
        ("/owner/name", None),
        ("./owner/name", None),
    ],
)
def test_names(name: str, expected: HubName | None) -> None:
    assert HubName.of(name) == expected


def test_what_lies_here_is_none_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my" / "set").mkdir(parents=True)
    assert is_hub_id("owner/set") and not is_hub_id("my/set")


def test_a_revision_and_a_file_are_those_asked_for(cached: Path) -> None:
    assert CheckpointFolder.find("owner/name").path == cached / COMMIT
    assert CheckpointFolder.find("owner/name@v2").path == cached / ("1" * 40)
    assert CheckpointFolder.find(f"owner/name@{COMMIT}").path == cached / COMMIT
    (usual,) = CheckpointFolder.find("owner/name").weight_files
    (cached / COMMIT / "mine.safetensors").write_bytes(usual.read_bytes())
    chosen = CheckpointFolder.find("owner/name/mine.safetensors")
    assert chosen.weight_files == [cached / COMMIT / "mine.safetensors"]
    with pytest.raises(CheckpointError, match=r"mine\.safetensors is missing in .*/1111"):
        CheckpointFolder.find("owner/name@v2/mine.safetensors")
    with pytest.raises(CheckpointError, match="owner/name at v3 is no local folder and could not be fetched"):
        CheckpointFolder.find("owner/name@v3")


def test_a_file_of_a_folder_here_is_a_choice_of_its_weights(tmp_path: Path) -> None:
    folder = CheckpointFolder(write_checkpoint(tmp_path / "checkpoint"))
    (usual,) = folder.weight_files
    other = tmp_path / "checkpoint" / "other.safetensors"
    other.write_bytes(usual.read_bytes())
    found = CheckpointFolder.find(other)
    assert (found.path, found.weight_files) == (folder.path, [other])
    assert found.inspect()[0][0].name == "other.safetensors" and found.inspect()[1] == []
    found.load_model()
