"""Checkpoints on disk: boxes of tensors put together again, and whatever is damaged named."""

import json
import random
import zlib
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from irg.model.checkpoint import CheckpointError
from irg.run.saved import (
    Chunk,
    Files,
    Saved,
    checksum,
    put_together,
    read_index,
    read_json,
    step_folder,
    step_name,
    steps_in,
)

Box = tuple[tuple[int, ...], tuple[int, ...]]
"""The first of a tensor's values in it by dimension, and how many."""
WHOLE = torch.arange(12, dtype=torch.float32).reshape(3, 4)
HALVES = (WHOLE[:2], WHOLE[2:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of one matrix, two rows of it in the first file, one in the second."""
    chunks = []
    for rank, part in enumerate(HALVES):
        file = f"rank-0000{rank}.safetensors"
        save_file({"matrix": part.contiguous()}, tmp_path / file)
        values = zlib.crc32(part.contiguous().numpy().tobytes())
        chunks.append({"file": file, "offsets": [2 * rank, 0], "shape": list(part.shape), "checksum": values})
    write(tmp_path, {"matrix": {"dtype": "float32", "shape": [3, 4], "chunks": chunks}})
    return tmp_path


def write(folder: Path, tensors: Any) -> None:
    (folder / "index.json").write_text(json.dumps({"format": 1, "tensors": tensors}))


def split(shape: tuple[int, ...], chance: random.Random) -> Iterator[Box]:
    """Boxes that cover all of a tensor, none of it twice, cut at random."""

    def cut(first: tuple[int, ...], size: tuple[int, ...], cuts: int) -> Iterator[Box]:
        axis = chance.randrange(len(size))
        if cuts == 0 or size[axis] < 2:
            yield first, size
            return
        at = chance.randrange(1, size[axis])
        rest = (*size[:axis], size[axis] - at, *size[axis + 1 :])
        yield from cut(first, (*size[:axis], at, *size[axis + 1 :]), cuts - 1)
        yield from cut((*first[:axis], first[axis] + at, *first[axis + 1 :]), rest, cuts - 1)

    return cut((0,) * len(shape), shape, 3)


def within(whole: torch.Tensor, box: Box) -> torch.Tensor:
    return whole[tuple(slice(start, start + size) for start, size in zip(*box, strict=True))]


@pytest.mark.parametrize("seed", range(20))
def test_any_box_is_put_together_of_any_pieces(seed: int) -> None:
    chance = random.Random(seed)
    shape = tuple(chance.randint(1, 6) for _ in range(chance.randint(1, 3)))
    whole = torch.arange(prod(shape)).reshape(shape)
    wanted, pieces = list(split(shape, chance)), list(split(shape, chance))
    chance.shuffle(pieces)
    for box in wanted:
        values = torch.full(box[1], -1)
        put_together(values, box[0], ((piece[0], within(whole, piece)) for piece in pieces), "it")
        assert torch.equal(values, within(whole, box))


def test_a_scalar_is_one_piece() -> None:
    value = torch.tensor(0.0)
    put_together(value, (), [((), torch.tensor(3.0))], "it")
    assert value.item() == 3


def test_a_gap_between_pieces_is_told_of() -> None:
    pieces = [((0, 0), WHOLE[:2, :3]), ((2, 0), WHOLE[2:])]
    with pytest.raises(CheckpointError, match=r"^of 12 values of matrix only 10 are there$"):
        put_together(torch.empty(3, 4), (0, 0), pieces, "matrix")
    put_together(torch.empty(1, 4), (2, 0), pieces, "matrix")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8, torch.int64])
def test_a_checksum_is_of_the_bytes_in_their_order(dtype: torch.dtype) -> None:
    values = torch.arange(6).reshape(2, 3).to(dtype)
    expected = zlib.crc32(bytes(values.flatten().view(torch.uint8).tolist()))
    assert checksum(values) == expected == checksum(values.T.contiguous().T)
    assert checksum(values.T) != expected


def test_an_index_is_read_and_its_tensors_with_it(folder: Path) -> None:
    index = read_index(folder)
    assert index == {
        "matrix": Saved(
            torch.float32,
            (3, 4),
            (
                Chunk("rank-00000.safetensors", (0, 0), (2, 4), checksum(HALVES[0])),
                Chunk("rank-00001.safetensors", (2, 0), (1, 4), checksum(HALVES[1])),
            ),
        )
    }
    with Files(folder) as files:
        assert torch.equal(files.whole("matrix", index["matrix"]), WHOLE)
        filled = torch.zeros(3, 4)
        files.fill(filled, "matrix", index["matrix"])
        assert torch.equal(filled, WHOLE)
        files.compare_checksums(index, 0, 1)


def test_each_rank_compares_its_part_of_the_files(folder: Path) -> None:
    save_file({"matrix": HALVES[1] + 1}, folder / "rank-00001.safetensors")
    index = read_index(folder)
    damaged = r"rank-00001\.safetensors is damaged: matrix is not what was written$"
    with Files(folder) as files:
        files.compare_checksums(index, 0, 2)
        for rank, world in ((1, 2), (0, 1)):
            with pytest.raises(CheckpointError, match=damaged):
                files.compare_checksums(index, rank, world)
        with pytest.raises(CheckpointError, match=damaged):
            files.whole("matrix", index["matrix"])


def test_a_file_that_lacks_its_tensor_is_named(folder: Path) -> None:
    save_file({"vector": torch.ones(1)}, folder / "rank-00000.safetensors")
    with Files(folder) as files, pytest.raises(CheckpointError, match=r"rank-00000.* it lacks matrix$"):
        files.whole("matrix", read_index(folder)["matrix"])


CHUNK = {"file": "rank-00000.safetensors", "offsets": [0], "shape": [1], "checksum": 0}
DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a format of another time": (
        lambda folder: (folder / "index.json").write_text('{"tensors": {}}'),
        r"index\.json: format None, this version reads 1$",
    ),
    "no type of values": (
        lambda folder: write(folder, {"it": {"dtype": "nn", "shape": [1], "chunks": [CHUNK]}}),
        r"index\.json is damaged: TypeError\('nn is no type of values'\)$",
    ),
    "an unknown type": (
        lambda folder: write(folder, {"it": {"dtype": "float31", "shape": [1], "chunks": [CHUNK]}}),
        r"index\.json is damaged: AttributeError",
    ),
    "no offsets": (
        lambda folder: write(folder, {"it": {"dtype": "int8", "shape": [1], "chunks": [{"file": "x"}]}}),
        r"index\.json is damaged: KeyError\('offsets'\)$",
    ),
    "a list of tensors": (lambda folder: write(folder, []), r"index\.json is damaged: AttributeError"),
    "a file that is not there": (
        lambda folder: (folder / "rank-00001.safetensors").unlink(),
        r"is damaged: rank-00001\.safetensors is missing$",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_index_is_named(folder: Path, damage: Callable[[Path], Any], message: str) -> None:
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        read_index(folder)


def test_json_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a whole checkpoint: plain\.json is missing$"):
        read_json(tmp_path / "plain.json")
    (tmp_path / "plain.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"^plain\.json is damaged: .* is not valid JSON"):
        read_json(tmp_path / "plain.json")


def test_the_steps_of_a_run_are_its_whole_checkpoints(tmp_path: Path) -> None:
    assert steps_in(tmp_path / "nowhere") == []
    for name in (step_name(9), step_name(123456789), step_name(10), ".step-00000011.partial", "step-12"):
        (tmp_path / name).mkdir()
    assert steps_in(tmp_path) == [9, 10, 123456789]
    assert step_folder(tmp_path, 9) == tmp_path / "step-00000009"
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 8; those there: 9, 10, 123456789$"):
        step_folder(tmp_path, 8)
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 8; those there: none$"):
        step_folder(tmp_path / "nowhere", 8)
