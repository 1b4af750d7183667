"""Sets as tar files."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from irg.core.trace import png
from irg.publish import Packaging
from irg.publish.card_front import Title
from irg.publish.publishing import Publishing, publish
from tests.publish.small import TITLE, front_of, read, some, store


def test_tar_files_hold_every_part_of_a_trace_under_its_key(curated: Path, tmp_path: Path) -> None:
    made = Publishing(Title("Set"), layout=Packaging.WEBDATASET, shard_bytes=20_000)
    done = publish(curated, tmp_path / "out", made)
    train = tmp_path / "out" / "data" / "train"
    index = json.loads((train / "index.json").read_text())["shards"]
    assert sum(shard["samples"] for shard in index) == done.parts["train"] and len(index) > 1
    samples: dict[str, dict[str, bytes]] = {}
    for shard in index:
        with tarfile.open(train / shard["name"]) as tar:
            names = tar.getnames()
            for name in names:
                key, _, extension = name.partition(".")
                samples.setdefault(key, {})[extension] = tar.extractfile(name).read()  # type: ignore[union-attr]
        keys = [name.partition(".")[0] for name in names]
        assert keys == [key for key in dict.fromkeys(keys) for _ in range(3)], "a sample's files are in a row"
    for one in read(curated / "data" / "train"):
        sample = samples.pop(one.id)
        content = json.loads(sample["json"])
        assert content["prompt"] == one.prompt and json.loads(content["provenance"]) == one.provenance
        assert [turn["thought"] for turn in content["turns"]] == [turn.thought for turn in one.turns]
        for number, turn in enumerate(one.turns, start=1):
            assert sample[f"image{number}.png"] == png(turn.image)
    assert not samples
    assert front_of(tmp_path / "out")["configs"][0]["data_files"][0]["path"] == "data/train/*.tar"


def test_tar_files_open_with_the_datasets_library(curated: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the datasets library")
    publish(curated, tmp_path / "out", Publishing(TITLE, layout=Packaging.WEBDATASET))
    opened = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train")
    expected = {one.id: one for one in read(curated / "data" / "train")}
    assert len(opened) == len(expected)
    first = opened[0]
    last = expected[first["__key__"]].turns[-1]
    assert first["image2.png"].convert("RGB").tobytes() == last.image.tobytes()
    assert first["json"]["turns"][-1]["thought"] == last.thought


def test_ids_that_are_no_names_of_files_get_other_keys(tmp_path: Path) -> None:
    traces = [replace(some(1)[0], id="../a.b"), replace(some(2)[1], source=some(3)[2].turns[0].image)]
    publish(store(tmp_path / "in", traces), tmp_path / "out", Publishing(TITLE, layout=Packaging.WEBDATASET))
    with tarfile.open(tmp_path / "out" / "data" / "train" / "train-000000.tar") as tar:
        names = tar.getnames()
        assert json.load(tar.extractfile(names[2]))["id"] == "../a.b"  # type: ignore[arg-type]
    assert "/" not in "".join(names) and ".." not in "".join(names)
    assert names[3:] == ["id1.image1.png", "id1.image2.png", "id1.source.png", "id1.json"]
