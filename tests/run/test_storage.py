"""Writing a checkpoint: what torch plans, as files that are read back value for value."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint.state_dict_saver import save

from irg.run.saved import Files, read_index
from irg.run.staging import CopyPlanner
from irg.run.storage import FolderWriter, rank_file, write_synced

TENSORS = {
    "model/matrix": torch.arange(6.0).reshape(2, 3),
    "model/half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "step": torch.tensor(7),
}

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")


def written(folder: Path, tensors: dict[str, torch.Tensor], finished: Any = lambda: None) -> Path:
    writer = FolderWriter(folder, 0, '{"step": 7}', finished)
    save(dict(tensors), storage_writer=writer, planner=CopyPlanner(tensors), no_dist=True)
    return folder


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = written(tmp_path / "one", TENSORS)
    index = read_index(folder)
    assert index.keys() == TENSORS.keys()
    with Files(folder) as files:
        for name, tensor in TENSORS.items():
            assert torch.equal(files.whole(name, index[name]), tensor) and index[name].dtype is tensor.dtype
    assert (folder / "plain.json").read_text() == '{"step": 7}'
    assert {path.name for path in folder.iterdir()} == {"index.json", "plain.json", rank_file(0)}


def test_the_index_is_as_documented(tmp_path: Path) -> None:
    folder = written(tmp_path / "one", {"half": TENSORS["model/half"]})
    (chunk,) = read_index(folder)["half"].chunks
    assert json.loads((folder / "index.json").read_text()) == {
        "format": 1,
        "tensors": {
            "half": {
                "dtype": "bfloat16",
                "shape": [2],
                "chunks": [
                    {
                        "file": "rank-00000.safetensors",
                        "offsets": [0],
                        "shape": [2],
                        "checksum": chunk.checksum,
                    }
                ],
            }
        },
    }


def test_it_is_finished_when_all_of_it_is_there(tmp_path: Path) -> None:
    seen: list[set[str]] = []
    folder = tmp_path / "one"
    written(folder, TENSORS, lambda: seen.append({path.name for path in folder.iterdir()}))
    assert seen == [{"index.json", "plain.json", "rank-00000.safetensors"}]


def test_what_was_left_there_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "rank-00001.safetensors").write_text("half of one")
    written(folder, TENSORS)
    assert not (folder / "rank-00001.safetensors").exists() and read_index(folder)


def test_all_may_read_what_was_written(tmp_path: Path) -> None:
    assert written(tmp_path / "one", TENSORS).joinpath(rank_file(0)).stat().st_mode & 0o777 == 0o644


def test_torch_does_not_pick_it_by_a_path(tmp_path: Path) -> None:
    assert not FolderWriter.validate_checkpoint_id(tmp_path)


def test_a_file_may_be_written_over(tmp_path: Path) -> None:
    for content in ("a long content", "short"):
        write_synced(tmp_path / "plain.json", content)
        assert (tmp_path / "plain.json").read_text() == content
