import json
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest

from irg.data.source import Fault, RowError, RowPlace
from irg.data.trace_rows import (
    FEATURES,
    PUBLISHED_FEATURES,
    content_id,
    published,
    row_of,
    schema,
    trace_of,
)
from irg.data.traces import TraceStore, TraceWriter
from irg.prep import SizeOnly
from tests.data.stored import FULL, facts, reason_of, some, table_of


def test_an_id_is_the_hash_of_what_is_taught(tmp_path: Path) -> None:
    plain = replace(FULL, id="")
    with TraceWriter(tmp_path / "a") as writer:
        given = writer.write(plain)
        with pytest.raises(RowError, match=given) as failure:
            writer.write(plain)
        assert failure.value.reason is Fault.DUPLICATE
    assert len(given) == 32 and TraceStore(tmp_path / "a").read(0).id == given
    pixels = FULL.turns[1].image.copy()
    pixels.putpixel((3, 3), (0, 0, 0))
    others = [
        replace(plain, prompt="another"),
        replace(plain, turns=(FULL.turns[0], replace(FULL.turns[1], image=pixels))),
        replace(plain, turns=FULL.turns[:1]),
        replace(plain, seed=3),
    ]
    assert len({given, *map(content_id, others)}) == 5
    assert content_id(replace(plain, model={}, settings={}, provenance={})) == given


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"prompt": None}, Fault.MISSING_COLUMN, "prompt is null"),
        ({"turns": None}, Fault.MISSING_COLUMN, "turns is null"),
        ({"turns": []}, Fault.NO_TARGET, "turns is empty"),
        ({"settings": '{"a": NaN}'}, Fault.NOT_A_NUMBER, "settings holds NaN"),
        ({"source": {"bytes": b"", "path": None}}, Fault.MISSING_COLUMN, "source_width is null"),
        ({"source_width": 4, "source_height": 4}, Fault.MISSING_COLUMN, "source is null"),
        (
            {"source": {"bytes": b"", "path": None}, "source_width": 4, "source_height": 4},
            Fault.EMPTY_IMAGE,
            "source has no bytes",
        ),
        (
            {"source": {"bytes": b"GIF9", "path": None}, "source_width": 4, "source_height": 4},
            Fault.BROKEN_IMAGE,
            "source is not a picture that can be read (PNG, JPEG, WEBP, GIF, BMP or TIFF)",
        ),
    ],
)
def test_a_value_that_is_wrong_is_named(tmp_path: Path, change: dict, reason: Fault, detail: str) -> None:
    store = table_of(tmp_path / "one.parquet", [{**row_of(some(1)[0]), **change}])
    with pytest.raises(RowError) as failure:
        store.read(0)
    assert (failure.value.reason, failure.value.detail) == (reason, detail)


def test_an_image_of_another_size_than_its_row_says_is_broken(tmp_path: Path) -> None:
    row = row_of(some(1)[0])
    row["turns"][0]["width"] = 33
    with pytest.raises(RowError, match="has 32x32 pixels, its row says 33x32"):
        table_of(tmp_path / "one.parquet", [row]).read(0)


def test_integers_that_a_table_with_gaps_made_floats_are_integers(tmp_path: Path) -> None:
    columns = schema().set(schema().get_field_index("seed"), pyarrow.field("seed", pyarrow.float64()))
    rows = [
        {**row_of(one), "seed": seed} for one, seed in zip(some(3), (7.0, float("nan"), 7.5), strict=True)
    ]
    store = table_of(tmp_path / "one.parquet", rows, columns)
    assert store.read(0).seed == 7
    assert [reason_of(store, index) for index in (1, 2)] == [Fault.NOT_A_NUMBER, Fault.WRONG_TYPE]


def test_the_datasets_library_is_told_which_columns_are_images() -> None:
    described = json.loads((schema().metadata or {})[b"huggingface"])["info"]["features"]
    assert described["source"]["_type"] == described["turns"][0]["image"]["_type"] == "Image"
    turn = schema().field("turns").type.value_type
    assert list(described) == schema().names  # it takes no notice where the order is another
    assert list(described["turns"][0]) == [field.name for field in turn]


PLACE = RowPlace("file", 0)


def test_a_row_says_all_of_a_trace_and_a_sketch_all_but_pixels() -> None:
    row = row_of(FULL)
    assert list(row) == list(FEATURES) and facts(trace_of(row, PLACE)) == facts(FULL)
    sketch = trace_of(row, PLACE, sketch=True)
    assert all(isinstance(turn.image, SizeOnly) and turn.image.size == (32, 32) for turn in sketch.turns)
    assert isinstance(sketch.source, SizeOnly)
    pixels = zip(sketch.turns, FULL.turns, strict=True)
    turns = tuple(replace(turn, image=whole.image) for turn, whole in pixels)
    assert facts(replace(sketch, turns=turns, source=FULL.source)) == facts(FULL)
    first, *rest = FULL.turns
    marked = replace(first, given=True, revised=True)
    ended = replace(FULL, turns=(marked, *rest, replace(first, kept=True)), answer="4", ending="stopped")
    assert facts(trace_of(row_of(ended), PLACE)) == facts(ended) != facts(FULL)
    plain = some(1)[0]
    assert row_of(plain)["source"] is None and facts(trace_of(row_of(plain), PLACE)) == facts(plain)


def test_a_published_row_is_the_same_trace_with_its_pictures_apart() -> None:
    row = row_of(FULL)
    shown = published(row)
    assert set(shown) == set(PUBLISHED_FEATURES) and published(shown) is shown
    assert shown["images"] == [turn["image"] for turn in row["turns"]]
    assert not any("image" in turn for turn in shown["turns"])
    assert facts(trace_of(shown, PLACE)) == facts(FULL)
    with pytest.raises(RowError, match="images holds 1 pictures for 2 turns"):
        trace_of({**shown, "images": shown["images"][:1]}, PLACE)


@pytest.mark.parametrize("features", [FEATURES, PUBLISHED_FEATURES])
def test_arrow_takes_the_rows_as_they_are(features: dict) -> None:
    row = row_of(FULL) if features is FEATURES else published(row_of(FULL))
    (back,) = pyarrow.Table.from_pylist([row], schema=schema(features)).to_pylist()
    assert facts(trace_of(back, PLACE)) == facts(FULL)


def test_flaws_are_texts() -> None:
    row = row_of(FULL)
    row["turns"][0]["verdict"]["flaws"] = ["too small", 3]
    with pytest.raises(RowError, match=r"wrong type: turns\[0\]\.verdict\.flaws is \['too small', 3\]"):
        trace_of(row, PLACE)
