import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from irg.core.trace import Trace, png
from irg.curate.emit import EmitSettings, emit
from irg.data.formats import Format, detect
from irg.data.sets import is_held_out, read_manifest
from irg.data.source import RowError
from irg.data.trace_rows import PUBLISHED_FEATURES, schema
from irg.data.traces import TraceStore, TraceWriter
from irg.publish.card_front import Title
from irg.publish.discretion import public
from irg.publish.extract import Extract
from irg.publish.packaging import Packaging
from irg.publish.publishing import Published, Publishing, publish
from irg.stages.runner import run
from tests.data.broken import trace
from tests.data.test_traces import facts
from tests.stages.ray_job import build

TITLE = Title("A set", "cc-by-4.0")


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small curation."""
    folder = tmp_path_factory.mktemp("curated")
    job = build(folder)
    run(job)
    emit(job.store, job.selector.marks, folder, EmitSettings(held_out=0.3), {"recipe": {"seed": 3}})
    return folder


def some(count: int, provenance: dict[str, Any] | None = None) -> list[Trace]:
    traces = [trace(index, np.random.default_rng(index)) for index in range(count)]
    return [
        replace(one, prompt=f"{one.prompt} {index}", provenance=provenance or {})
        for index, one in enumerate(traces)
    ]


def store(folder: Path, traces: list[Trace], provenance: dict[str, Any] | None = None) -> Path:
    with TraceWriter(folder, provenance) as writer:
        for one in traces:
            writer.write(one)
    return folder


def published(source: Path, target: Path, title: Title = TITLE, **extract: Any) -> Published:
    return publish(source, target, Publishing(title, Extract(**extract)))


def front_of(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def ids(folder: Path) -> set[str]:
    return {one.id for part in sorted((folder / "data").iterdir()) for one in read(part)}


def read(part: Path) -> list[Trace]:
    found = TraceStore(part)
    return [found.read(index) for index in range(len(found))]


def test_a_curation_is_published_whole_with_its_split_and_its_card(curated: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = Publishing(Title("Scene traces"))
    done = publish(curated, tmp_path / "out", made, lambda *counts: told.append(counts))
    manifest = read_manifest(curated)
    assert (
        manifest is not None and done.parts == manifest["parts"] and set(done.parts) == {"train", "held_out"}
    )
    total = sum(done.parts.values())
    assert told[-1] == (total, total) and done.num_available == total
    for part in done.parts:
        before, after = read(curated / "data" / part), read(tmp_path / "out" / "data" / part)
        assert list(map(facts, after)) == list(map(facts, before))
        assert TraceStore(tmp_path / "out" / "data" / part).verify() == ()
        assert detect(tmp_path / "out" / "data" / part) is Format.TRACES
    front, text = front_of(tmp_path / "out"), (tmp_path / "out" / "README.md").read_text()
    assert front["license"] == "apache-2.0" and front["pretty_name"] == "Scene traces"
    assert {one["name"]: one["num_examples"] for one in front["dataset_info"]["splits"]} == done.parts
    assert done.num_bytes == sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.*"))
    for stage, reasons in manifest["rejects"].items():
        for reason, count in reasons.items():
            assert f"| {stage} | {reason} | {count} |" in text
    assert f"| draw | 1 | embedded | {total} |" in text and "  seed: 3\n" in text


def test_the_datasets_library_opens_pictures_and_splits(curated: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the datasets library")
    published(curated, tmp_path / "out")
    described = front_of(tmp_path / "out")["dataset_info"]["features"]
    assert datasets.Features._from_yaml_list(described) == datasets.Features.from_arrow_schema(
        schema(PUBLISHED_FEATURES)
    )
    opened = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert set(opened) == {"train", "held_out"}
    expected = read(curated / "data" / "train")
    assert len(opened["train"]) == len(expected)
    row = opened["train"][0]
    assert row["prompt"] == expected[0].prompt and len(row["images"]) == 2
    for image, turn, said in zip(row["images"], expected[0].turns, row["turns"], strict=True):
        assert image.convert("RGB").tobytes() == turn.image.tobytes()
        assert said["thought"] == turn.thought


def test_prompts_are_held_out_by_their_words(tmp_path: Path) -> None:
    traces = some(60)
    traces.append(replace(traces[0], prompt=traces[0].prompt.upper() + " !", id="again"))
    done = published(store(tmp_path / "in", traces), tmp_path / "out", held_out=0.3)
    assert 5 < done.parts["held_out"] < 35
    for part in done.parts:
        for one in read(tmp_path / "out" / "data" / part):
            assert is_held_out(one.prompt, 0.3) is (part == "held_out")
            assert one.id != "again" or "id0" in {
                other.id for other in read(tmp_path / "out" / "data" / part)
            }
    assert "A share of 0.3 of all prompts" in (tmp_path / "out" / "README.md").read_text()


def test_extracts_are_as_large_as_they_may_be_and_nested(tmp_path: Path) -> None:
    source = store(tmp_path / "in", some(40))
    whole = published(source, tmp_path / "whole")
    half = published(source, tmp_path / "half", max_bytes=whole.num_bytes // 2)
    assert 0.8 * whole.num_bytes // 2 < half.num_bytes <= whole.num_bytes // 2
    few = published(source, tmp_path / "few", max_rows=3)
    assert few.parts == {"train": 3} and few.num_available == 40
    assert ids(tmp_path / "few") < ids(tmp_path / "half") < ids(tmp_path / "whole")
    assert "3 of 40 traces" in (tmp_path / "few" / "README.md").read_text()
    again = published(tmp_path / "whole", tmp_path / "again", max_rows=3)
    assert ids(tmp_path / "again") == ids(tmp_path / "few") and again.num_available == 40
    with pytest.raises(ValueError, match="too few for a trace"):
        published(source, tmp_path / "none", max_bytes=1000)


def test_the_same_set_gives_the_same_bytes(curated: Path, tmp_path: Path) -> None:
    for layout in Packaging:
        for name in ("one", "two"):
            publish(curated, tmp_path / layout / name, Publishing(Title("Set"), layout=layout))
        one, two = (
            {
                path.relative_to(tmp_path / layout / name): path.read_bytes()
                for path in files(tmp_path / layout / name)
            }
            for name in ("one", "two")
        )
        assert one == two and len(one) >= 5


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_addresses_keys_and_folders_stay_at_home(tmp_path: Path) -> None:
    model = {"name": "/home/me/secret/weights", "extra": {"user": "me"}}
    stages = [{"stage": "draw", "version": 2, "model": model, "templates": {}, "seed": 1}]
    recipe = {"teachers": {"t": {"endpoint": {"base_url": "http://10.0.0.1/v1", "key_env": "MY_KEY"}}}}
    recipe["propose"] = {"files": ["/home/me/secret/prompts.txt", "own/list.txt"]}  # type: ignore[dict-item]
    source = store(tmp_path / "in", some(2, {"stages": stages}), {"recipe": recipe})
    published(source, tmp_path / "out")
    one = read(tmp_path / "out" / "data" / "train")[0]
    assert one.provenance["stages"][0]["model"] == {"name": "weights"}
    text = (tmp_path / "out" / "README.md").read_text()
    text += (tmp_path / "out" / "data" / "train" / "manifest.json").read_text() + json.dumps(one.provenance)
    assert not [word for word in ("10.0.0.1", "MY_KEY", "secret", "user") if word in text]
    assert "prompts.txt" in text and "own/list.txt" in text and "| draw | 2 | weights | 2 |" in text
    assert public({"a": ["C:\\Users\\me\\x.yaml", "~/y.yaml", 1, None, "left/right"]}) == {
        "a": ["x.yaml", "y.yaml", 1, None, "left/right"]
    }


@pytest.mark.parametrize(
    ("given", "asked", "expected"),
    [
        (["Apache-2.0"], None, "apache-2.0"),
        (["MIT", "CC0-1.0"], None, ["cc0-1.0", "mit"]),
        (["MIT", "My own"], None, ["mit", "other"]),
        ([""], "CC-BY-4.0", "cc-by-4.0"),
    ],
)
def test_the_licence_is_the_prompts_unless_it_is_given(
    given: list[str], asked: str | None, expected: Any, tmp_path: Path
) -> None:
    traces = [one for name in given for one in [*some(2, {"licence": name})]]
    traces = [replace(one, id=f"id{number}") for number, one in enumerate(traces)]
    published(store(tmp_path / "in", traces), tmp_path / "out", Title("Set", asked))
    front = front_of(tmp_path / "out")
    assert front["license"] == expected
    assert ("license_name" in front) is ("other" in expected)


def test_without_a_licence_nothing_is_published(tmp_path: Path) -> None:
    source = store(tmp_path / "in", some(3))
    with pytest.raises(ValueError, match="3 of 3 traces do not say under which licence"):
        published(source, tmp_path / "out", Title("Set"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


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


def test_a_row_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    source = store(tmp_path / "in", some(3))
    path = source / "traces-00000.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RowError, match="unreadable file"):
        published(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_one_id_is_one_trace(tmp_path: Path) -> None:
    for part in ("train", "held_out"):
        store(tmp_path / "in" / "data" / part, some(1))
    with pytest.raises(RowError, match="id0 comes twice"):
        published(tmp_path / "in", tmp_path / "out")


def test_refuses_what_is_no_set_and_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no set"):
        published(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ValueError, match="holds something already"):
        published(store(tmp_path / "in", some(1)), tmp_path / "in")
    published(tmp_path / "in", tmp_path / "empty")
    assert (tmp_path / "empty" / "README.md").is_file()


@pytest.mark.parametrize("wrong", [{"held_out": 1.0}, {"max_rows": 0}, {"max_bytes": -1}])
def test_extracts_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected at least"):
        Extract(**wrong)
