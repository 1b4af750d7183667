import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from irg.core.trace import Trace, Turn, Verdict
from irg.data.formats import Format
from irg.data.shards import verify
from irg.data.source import Fault, RowError
from irg.data.trace_rows import content_id, row_of, schema
from irg.data.traces import TraceStore, TraceWriter
from irg.prep import SizeOnly
from tests.data.broken import picture, trace, write_broken

RNG = np.random.default_rng(0)
FULL = Trace(
    prompt="a red circle \u201c\U0001f600\u201d",
    turns=(
        Turn(None, picture(RNG), Verdict(False, ("too small", "blue"), {"colour": 0.25, "size": 1.0})),
        Turn("line\nline", picture(RNG), capped=True, seconds={"thought": 0.5, "image": 2.0}),
    ),
    seed=2**40,
    system_prompt="Draw.",
    settings={"points": 50, "nested": {"b": [1, 2], "a": None}},
    model={"name": "m"},
    source=picture(RNG),
    questions=(("What?", "That."), ("Where?", "There.")),
    modes=("edit", "improving_full"),
    provenance={"teacher": "t"},
    id="mine",
)


def write(folder: Path, traces: list[Trace], **options: Any) -> TraceStore:
    with TraceWriter(folder, {"made": "here"}, **options) as writer:
        for one in traces:
            writer.write(one)
    return TraceStore(folder)


def some(count: int) -> list[Trace]:
    return [trace(index, np.random.default_rng(index)) for index in range(count)]


def table_of(path: Path, rows: list[dict], columns: pyarrow.Schema | None = None) -> TraceStore:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=columns or schema()), path)
    return TraceStore(path)


def reason_of(store: TraceStore, index: int) -> Fault | None:
    try:
        store.read(index)
    except RowError as error:
        return error.reason
    return None


def facts(one: Trace) -> tuple:
    """Everything in a trace, pixels included, in a form that can be compared."""
    turns = [(t.thought, t.verdict, t.capped, t.seconds, t.image.size, t.image.tobytes()) for t in one.turns]
    source = one.source.tobytes() if one.source else None
    texts = one.id, one.prompt, one.system_prompt, one.questions, one.modes
    return *texts, one.seed, one.settings, one.model, one.provenance, source, turns


def test_a_trace_comes_back_as_it_was(tmp_path: Path) -> None:
    store = write(tmp_path / "new" / "store", [FULL, *some(2)])
    assert len(store) == 3
    assert facts(store.read(0)) == facts(FULL)
    assert facts(store.read(2)) == facts(some(2)[1])


def test_equal_traces_make_equal_bytes_also_when_read_and_written_again(tmp_path: Path) -> None:
    first = write(tmp_path / "a", [FULL, *some(9)], rows_per_group=2, rows_per_file=6)
    write(tmp_path / "b", [first.read(index) for index in range(10)], rows_per_group=2, rows_per_file=6)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["manifest.json", "traces-00000.parquet", "traces-00001.parquet"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_groups_and_files_end_at_their_numbers_of_rows_and_bytes(tmp_path: Path) -> None:
    store = write(tmp_path / "rows", some(10), rows_per_group=3, rows_per_file=7)
    assert store.group_sizes == (3, 3, 1, 3)
    large = [replace(FULL, id=str(number), prompt="x" * 11_000_000) for number in range(5)]
    assert write(tmp_path / "bytes", large).group_sizes == (2, 2, 1)


def test_the_manifest_counts_and_names_the_source(tmp_path: Path) -> None:
    write(tmp_path, [FULL, *some(4)], rows_per_file=3)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["format"] == "irg-traces" and manifest["provenance"] == {"made": "here"}
    assert manifest["rows"] == 5 and [file["rows"] for file in manifest["files"]] == [3, 2]
    assert manifest["modes"]["improving_full"] == 4  # the full one lacks its first thought
    assert manifest["modes"]["edit"] == 1 and manifest["modes"]["question"] == 4


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
    ("broken", "reason"),
    [
        (replace(FULL, turns=()), Fault.NO_TARGET),
        (replace(FULL, turns=(Turn("  ", FULL.turns[0].image),)), Fault.EMPTY_TEXT),
        (replace(FULL, prompt="", questions=()), Fault.EMPTY_TEXT),
        (replace(FULL, modes=("everything",)), Fault.UNKNOWN_MODE),
        (replace(FULL, modes=("improving_full",)), Fault.UNFIT),
        (replace(FULL, turns=(replace(FULL.turns[1], seconds={"a": float("inf")}),)), Fault.NOT_A_NUMBER),
    ],
)
def test_the_writer_refuses_what_no_reader_would_take(tmp_path: Path, broken: Trace, reason: Fault) -> None:
    with pytest.raises(RowError) as failure, TraceWriter(tmp_path / "store") as writer:
        writer.write(broken)
    assert failure.value.reason is reason
    assert not (tmp_path / "store").exists()


def test_a_folder_holds_a_whole_store_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), TraceWriter(tmp_path, rows_per_file=2) as writer:
        for one in some(5):
            writer.write(one)
        raise KeyError
    assert not list(tmp_path.iterdir())
    killed = TraceWriter(tmp_path, rows_per_file=2).__enter__()
    for one in some(5):
        killed.write(one)
    with pytest.raises(ValueError, match="no parquet files"):
        TraceStore(tmp_path)
    store = write(tmp_path, some(3))
    assert len(store) == 3 and sorted(path.name for path in tmp_path.iterdir())[0] == "manifest.json"
    with pytest.raises(ValueError, match="holds a data set already"):
        write(tmp_path, some(1))


def test_verifying_finds_every_kind_of_difference(tmp_path: Path) -> None:
    write(tmp_path, some(9), rows_per_file=3)
    assert list(verify(tmp_path)) == []
    flip(tmp_path / "traces-00000.parquet", 100)
    (tmp_path / "traces-00001.parquet").unlink()
    (tmp_path / "traces-00002.parquet").write_bytes(b"PAR1")
    (tmp_path / "extra.parquet").write_bytes(b"PAR1")
    problems = list(verify(tmp_path))
    for number, words in enumerate(("SHA-256", "is missing", "4 bytes", "not in the manifest")):
        assert words in problems[number]
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"no manifest\.json"):
        list(verify(tmp_path))


def test_a_survey_is_everything_but_the_pixels(tmp_path: Path) -> None:
    store = write(tmp_path, [FULL, *some(5)], rows_per_group=2)
    for index, sketch in enumerate(store.survey()):
        whole = store.read(index)
        assert isinstance(sketch, Trace)
        images = [turn.image for turn in sketch.turns] + ([sketch.source] if sketch.source else [])
        assert images and all(isinstance(image, SizeOnly) and image.size == (32, 32) for image in images)
        texts = [turn.thought for turn in sketch.turns]
        assert (sketch.id, sketch.prompt, sketch.questions) == (whole.id, whole.prompt, whole.questions)
        assert texts == [turn.thought for turn in whole.turns]


def test_a_damaged_group_takes_no_other_row_with_it(tmp_path: Path) -> None:
    store = write(tmp_path, some(9), rows_per_group=3)
    path = tmp_path / "traces-00000.parquet"
    columns = parquet.read_metadata(path).row_group(1)
    images = next(
        columns.column(number)
        for number in range(columns.num_columns)
        if columns.column(number).path_in_schema.startswith("turns.list.element.image.bytes")
    )
    flip(path, images.data_page_offset + images.total_compressed_size // 2)
    assert [reason_of(store, index) for index in range(9)] == [None] * 3 + [Fault.UNREADABLE] * 3 + [None] * 3
    assert not any(isinstance(row, RowError) for row in store.survey())  # it reads no images


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_file_that_cannot_be_read_takes_no_other_file_with_it(tmp_path: Path, with_manifest: bool) -> None:
    write(tmp_path, some(9), rows_per_file=3)
    path = tmp_path / "traces-00001.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    if not with_manifest:
        (tmp_path / "manifest.json").unlink()
    store, lost = TraceStore(tmp_path), 3 if with_manifest else 1
    expected = [None] * 3 + [Fault.UNREADABLE] * lost + [None] * 3
    assert [reason_of(store, index) for index in range(len(store))] == expected
    surveyed = [row.reason if isinstance(row, RowError) else None for row in store.survey()]
    assert surveyed == expected
    with pytest.raises(RowError, match=r"traces-00001\.parquet, row 0: unreadable file"):
        store.read(3)


def test_files_without_a_manifest_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number, one in enumerate(some(3)):
        table_of(tmp_path / f"sub{2 - number}" / "part.parquet", [row_of(one)])
    table_of(tmp_path / ".hidden" / "part.parquet", [row_of(FULL)])
    store = TraceStore(tmp_path)
    assert [store.read(index).id for index in range(3)] == ["id2", "id1", "id0"] and len(store) == 3
    assert store.place(1) == (str(tmp_path / "sub1" / "part.parquet"), 0)


def test_a_store_can_be_sent_to_another_process(tmp_path: Path) -> None:
    store = write(tmp_path, some(6), rows_per_group=2)
    before = len(pickle.dumps(store))
    expected = [facts(store.read(index)) for index in range(6)]
    sent = pickle.dumps(store)
    assert len(sent) < before + 2000  # no rows travel along
    received = pickle.loads(sent)
    assert [facts(received.read(index)) for index in range(6)] == expected
    assert received.fingerprint == store.fingerprint


def test_the_fingerprint_tells_other_rows(tmp_path: Path) -> None:
    one, same, other = (write(tmp_path / name, some(n)) for name, n in (("a", 3), ("b", 3), ("c", 4)))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_every_way_of_being_broken_is_found_and_named(tmp_path: Path) -> None:
    expected = write_broken(tmp_path / "data", 200, np.random.default_rng(1), Format.TRACES)
    too_long = expected.pop(Fault.TOO_LONG)  # nothing is wrong with these but for a model
    store = TraceStore(tmp_path / "data")
    found: dict[Fault, list[int]] = {}
    for index in range(len(store)):
        if reason := reason_of(store, index):
            found.setdefault(reason, []).append(index)
    assert found == expected and len(found) == 9
    surveyed = {index for index, row in enumerate(store.survey()) if isinstance(row, RowError)}
    del expected[Fault.BROKEN_IMAGE]  # which only decoding tells
    assert surveyed == {index for rows in expected.values() for index in rows}
    assert not surveyed & {*too_long}
    index = found[Fault.EMPTY_TEXT][0]
    file, row = store.place(index)
    with pytest.raises(RowError) as failure:
        store.read(index)
    assert (failure.value.file, failure.value.row) == (file, row)
    assert failure.value.detail == "turns[1].thought is empty"


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
            "source is no picture that can be read",
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


def test_text_that_is_no_unicode_is_of_the_wrong_type(tmp_path: Path) -> None:
    raw = pyarrow.array([b"good", b"\xff\xfe"], pyarrow.binary()).view(pyarrow.string())
    table = pyarrow.Table.from_pylist([row_of(one) for one in some(2)], schema=schema())
    table = table.set_column(table.schema.get_field_index("prompt"), "prompt", raw)
    parquet.write_table(table, tmp_path / "one.parquet")
    store = TraceStore(tmp_path / "one.parquet")
    assert [reason_of(store, index) for index in (0, 1)] == [None, Fault.WRONG_TYPE]


def test_pictures_keep_their_bytes_until_they_change(tmp_path: Path) -> None:
    one = replace(some(1)[0], id="", turns=(Turn("t", picture(RNG)),))
    lossy = write(tmp_path / "jpeg", [one], jpeg_quality=80).read(0)
    assert lossy.turns[0].image.tobytes() != one.turns[0].image.tobytes()
    again = write(tmp_path / "again", [lossy])
    stored = encoded(again)
    assert stored.startswith(b"\xff\xd8") and stored == encoded(TraceStore(tmp_path / "jpeg"))
    lossy.turns[0].image.putpixel((0, 0), (1, 2, 3))
    changed = write(tmp_path / "changed", [lossy])
    assert encoded(changed).startswith(b"\x89PNG")
    assert changed.read(0).turns[0].image.getpixel((0, 0)) == (1, 2, 3)


def test_the_datasets_library_is_told_which_columns_are_images() -> None:
    described = json.loads((schema().metadata or {})[b"huggingface"])["info"]["features"]
    assert described["source"]["_type"] == described["turns"][0]["image"]["_type"] == "Image"
    turn = schema().field("turns").type.value_type
    assert list(described) == schema().names  # it takes no notice where the order is another
    assert list(described["turns"][0]) == [field.name for field in turn]


def test_what_is_no_store_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file or folder"):
        TraceStore(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"manifest\.json is not a manifest"):
        TraceStore(tmp_path)
    (tmp_path / "manifest.json").write_text('{"version": 99}')
    with pytest.raises(ValueError, match="version 99, expected 1"):
        TraceStore(tmp_path)
    store = write(tmp_path / "store", some(2))
    with pytest.raises(IndexError, match="row 2 of 2"):
        store.read(2)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def encoded(store: TraceStore) -> bytes:
    table = parquet.read_table(store.path / "traces-00000.parquet")
    return table.column("turns")[0].as_py()[0]["image"]["bytes"]


def test_a_picture_of_another_mode_is_stored_as_rgb(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    store = write(tmp_path, [Trace("p", (Turn(None, clear),), 0)])
    assert store.read(0).turns[0].image.getpixel((0, 0)) == (255, 255, 255)
