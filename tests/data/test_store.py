from pathlib import Path

import numpy as np
import pytest

from irg.data.store import Sample, read_samples, write_samples


def samples(seed: int, count: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [
        Sample(
            f"prompt {seed} {index} \u201c\U0001f600\u201d",
            f"thought\n{index}",
            rng.integers(0, 256, (8, 9, 3), np.uint8),
        )
        for index in range(count)
    ]


def same(one: Sample, other: Sample) -> bool:
    texts = (one.prompt, one.thought) == (other.prompt, other.thought)
    return texts and one.picture.dtype == other.picture.dtype and bool((one.picture == other.picture).all())


def test_samples_come_back_as_they_were_in_the_order_of_shards(tmp_path: Path) -> None:
    first, second = samples(0, 3), samples(1, 2)
    write_samples(tmp_path / "new" / "folder", "00001", second)
    write_samples(tmp_path / "new" / "folder", "00000", first)
    read = list(read_samples(tmp_path / "new" / "folder"))
    assert len(read) == 5
    assert all(same(*pair) for pair in zip(read, [*first, *second], strict=True))


def test_a_shard_that_was_never_finished_is_not_there(tmp_path: Path) -> None:
    write_samples(tmp_path, "00000", samples(0, 2))
    whole = (tmp_path / "00000.safetensors").read_bytes()
    (tmp_path / "00001.json").write_text("[]")
    (tmp_path / ".00001.partial").write_bytes(whole[: len(whole) // 2])
    assert len(list(read_samples(tmp_path))) == 2


def test_nothing_partial_is_left_behind(tmp_path: Path) -> None:
    write_samples(tmp_path, "00000", samples(0, 2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000.json", "00000.safetensors"]


def test_texts_and_pictures_of_different_number_are_an_error(tmp_path: Path) -> None:
    write_samples(tmp_path, "00000", samples(0, 2))
    (tmp_path / "00000.json").write_text('[{"prompt": "one", "thought": ""}]')
    with pytest.raises(ValueError):
        list(read_samples(tmp_path))


def test_an_empty_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{tmp_path.name} holds no samples"):
        list(read_samples(tmp_path))
