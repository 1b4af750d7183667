"""A set as a folder with a card: whole, the same each time, and never in the way of another."""

from pathlib import Path

import pytest

from irg.data.formats import Format, detect
from irg.data.sets import read_manifest
from irg.data.shards import verify
from irg.data.trace_rows import PUBLISHED_FEATURES, schema
from irg.data.traces import TraceStore
from irg.publish import Packaging
from irg.publish.card_front import Title
from irg.publish.publishing import Publishing, publish
from tests.data.test_traces import facts
from tests.publish.small import files, front_of, published, read, some, store


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
        assert not list(verify(tmp_path / "out" / "data" / part))
        assert detect(tmp_path / "out" / "data" / part) is Format.TRACES
    front, text = front_of(tmp_path / "out"), (tmp_path / "out" / "README.md").read_text()
    assert front["license"] == "apache-2.0" and front["pretty_name"] == "Scene traces"
    assert {one["name"]: one["num_examples"] for one in front["dataset_info"]["splits"]} == done.parts
    assert done.num_bytes == sum(path.stat().st_size for path in (tmp_path / "out").rglob("[!.]*.*"))
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


def test_refuses_what_is_no_set_and_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no set"):
        published(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ValueError, match="would replace what is read"):
        published(store(tmp_path / "in", some(1)), tmp_path / "in")
    published(tmp_path / "in", tmp_path / "empty")
    assert (tmp_path / "empty" / "README.md").is_file()
    published(tmp_path / "in", tmp_path / "empty")  # nothing but what was published before is in it
    (tmp_path / "empty" / "notes.txt").write_text("irreplaceable")
    with pytest.raises(ValueError, match=r"holds 'notes.txt', which irg did not write"):
        published(tmp_path / "in", tmp_path / "empty")


def test_what_lies_beside_the_folder_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / ".out.partial" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("irreplaceable")
    with pytest.raises(ValueError, match=r"holds 'thesis.txt' and no published set"):
        published(store(tmp_path / "in", some(1)), tmp_path / "out")
    assert mine.exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("layout", "kind"), [(Packaging.PARQUET, "parquet"), (Packaging.WEBDATASET, "tar")])
def test_each_layout_has_its_kind_of_files(layout: Packaging, kind: str, tmp_path: Path) -> None:
    source, out = store(tmp_path / "in", some(3)), tmp_path / "out"
    done = publish(source, out, Publishing(Title("A set", "mit"), layout=layout))
    assert done.parts == {"train": len(TraceStore(source))}
    written = {path for path in (out / "data").rglob("*") if path.suffix in (".parquet", ".tar")}
    assert {path.suffix for path in written} == {f".{kind}"}
    ((files,),) = [one["data_files"] for one in front_of(out)["configs"]]
    assert files["split"] == "train" and set(out.glob(files["path"])) == written
