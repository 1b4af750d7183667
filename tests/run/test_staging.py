"""Copies on the host: of the moment at which they were taken, in memory that stays."""

from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.metadata import MetadataIndex

from irg.run.checkpoint import Checkpoints
from irg.run.staging import CopyPlanner, HostCopies


def test_copies_are_of_the_moment() -> None:
    tensors = {"matrix": torch.arange(6.0).reshape(2, 3).T, "half": torch.ones(2, dtype=torch.bfloat16)}
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    copies = HostCopies().take(tensors)
    for tensor in tensors.values():
        tensor.fill_(-1)
    assert copies.keys() == before.keys()
    assert all(torch.equal(copies[name], tensor) for name, tensor in before.items())
    assert all(copies[name].dtype is tensor.dtype for name, tensor in before.items())


def test_memory_is_used_again_where_it_fits() -> None:
    kept, tensors = HostCopies(), {"same": torch.ones(3), "longer": torch.ones(3), "half": torch.ones(3)}
    first = {name: copy.data_ptr() for name, copy in kept.take(tensors).items()}
    tensors = {"same": torch.zeros(3), "longer": torch.zeros(4), "half": torch.zeros(3).half()}
    second = kept.take(tensors)
    assert second["same"].data_ptr() == first["same"]
    assert all(torch.equal(second[name], tensor) for name, tensor in tensors.items())
    assert [copy.dtype for copy in second.values()] == [torch.float32, torch.float32, torch.float16]


def test_what_is_not_taken_again_is_let_go() -> None:
    kept = HostCopies()
    kept.take({"one": torch.ones(1), "other": torch.ones(1)})
    assert kept.take({"one": torch.zeros(1)}).keys() == {"one"}


def test_copies_are_what_is_written() -> None:
    copies = {"matrix": torch.ones(2)}
    assert CopyPlanner(copies).lookup_object(MetadataIndex("matrix")) is copies["matrix"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_tensors_are_copied_through_pinned_memory(tmp_path: Path) -> None:
    saving = Checkpoints(tmp_path / "checkpoints", 2, {})
    changing = {"model": {"big": torch.ones(1 << 20, device="cuda"), "small": torch.ones((), device="cuda")}}
    for step in (1, 2):
        changing["model"]["big"].fill_(step)
        saving.save(step, changing, {})
        changing["model"]["big"].fill_(-1)
    for step in (1, 2):
        saving.load(step, changing)
        assert changing["model"]["big"].unique().tolist() == [step]
