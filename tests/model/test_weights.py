from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from irg.model.weights import (
    CheckpointError,
    differences,
    opened,
    read_header,
    read_weights,
    weight_files,
    write_tensors,
    write_weights,
)

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(5).bfloat16(), "c": torch.zeros(2, 3, 2, 2)}


def sizes() -> dict[str, int]:
    return {name: tensor.nbytes for name, tensor in TENSORS.items()}


def test_shards_are_written_a_file_at_a_time(tmp_path: Path) -> None:
    held: list[str] = []

    def read(name: str) -> torch.Tensor:
        whole = sorted(path.name for path in tmp_path.glob("*.safetensors"))
        held.append(f"{name} after {len(whole)}")
        return TENSORS[name]

    write_weights(tmp_path / "ema.safetensors", sizes(), read, most_bytes=40)
    assert held == ["a after 0", "b after 0", "c after 1"]
    files = weight_files(tmp_path)
    assert [sorted(load_file(path)) for path in files] == [["a", "b"], ["c"]]
    found = dict(read_weights(files, {name: tensor.shape for name, tensor in TENSORS.items()}))
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in found.items())
    with opened(files) as handles:
        assert all(torch.equal(handles[name].get_tensor(name), tensor) for name, tensor in TENSORS.items())


def test_a_convolution_may_stand_for_a_matrix_of_its_rows(tmp_path: Path) -> None:
    write_tensors({"c": TENSORS["c"]}, tmp_path / "x.safetensors")
    ((_, found),) = read_weights([tmp_path / "x.safetensors"], {"c": torch.Size((2, 12))})
    assert found.shape == (2, 12)
    with pytest.raises(CheckpointError, match=r"c has shape \(2, 3, 2, 2\), expected \(4, 6\)"):
        list(read_weights([tmp_path / "x.safetensors"], {"c": torch.Size((4, 6))}))


def test_differences_are_told_by_name() -> None:
    found = {"a": torch.Size((2,)), "z": torch.Size((1,))}
    wanted = {"a": torch.Size((3,)), "b": torch.Size((1,))}
    told = ["a has shape (2,), expected (3,)", "missing b", "unexpected z"]
    assert differences(found, wanted) == told


def test_a_header_tells_what_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(TENSORS, path)
    file, shapes = read_header(path)
    assert (file.name, file.num_bytes, file.num_tensors) == (path.name, path.stat().st_size, 3)
    assert file.values == {"F32": 6 + 24, "BF16": 5}
    assert shapes == {name: tensor.shape for name, tensor in TENSORS.items()}
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="is not a whole safetensors file"):
        read_header(path)
