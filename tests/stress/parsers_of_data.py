"""Data sets, episodes and pictures, as somebody else may have written them."""

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from PIL import Image
from pyarrow import parquet

from irg.core.reading import from_base64, image_size, read_image
from irg.core.trace import Trace, Turn, Verdict, png
from irg.curate.texts import read_pairs, read_prompts
from irg.data.conversation import ConversationSource
from irg.data.episodes import EpisodeSource
from irg.data.findings import Findings, recall, remember
from irg.data.foreign.source import ForeignReading, ForeignSource
from irg.data.rows import column_names
from irg.data.sets import read_manifest
from irg.data.source import Fault, RowError, RowPlace
from irg.data.trace_rows import row_of, schema, trace_of
from irg.data.traces import TraceStore, TraceWriter
from irg.publish.discretion import public_row
from tests.data.broken import conversation, trace
from tests.stress.fuzz import Parser, Reader

RECIPES = Path(__file__).parents[2] / "recipes"
GOLDEN = Path(__file__).parents[1] / "golden" / "ckpt"
PLACE = RowPlace("rows.parquet", 0)
Opened = tuple[list[bytes], Reader]


def as_json(content: Any) -> bytes:
    return json.dumps(content).encode()


def loaded(data: bytes) -> Any:
    """What JSON says, of any depth that Python's own reader takes."""
    try:
        return json.loads(data)
    except RecursionError as deep:
        raise ValueError("nested too deep") from deep


def as_file(path: Path, read: Callable[[], object]) -> Reader:
    def reader(data: bytes) -> object:
        path.unlink(missing_ok=True)  # what was read may still be mapped
        path.write_bytes(data)
        return read()

    return reader


def _manifests(folder: Path) -> Opened:
    random = np.random.default_rng(0)
    with TraceWriter(folder, {"made": "here"}, rows_per_group=2) as writer:
        for number in range(5):
            writer.write(trace(number, random))

    def read() -> object:
        store = TraceStore(folder)
        return store.fingerprint, store.group_bytes, [one for one, _ in zip(store.survey(), range(20))]  # noqa: B905

    return [(folder / "manifest.json").read_bytes()], as_file(folder / "manifest.json", read)


def _set_manifests(folder: Path) -> Opened:
    content = {"version": 1, "shards": [{"name": "a", "rows": 3}], "recipe": {}, "counts": {"kept": 3}}
    return [as_json(content)], as_file(folder / "manifest.json", lambda: read_manifest(folder))


def _findings(folder: Path) -> Opened:
    found, key = Findings([3, 4], [1, 1], {0: RowPlace("f", 0).error(Fault.WRONG_TYPE, "x")}), {"a": 1}
    remember(folder, key, found)
    (path,) = folder.glob("survey-*.json")
    return [path.read_bytes()], as_file(path, lambda: recall(folder, key))


def _traces(folder: Path) -> Opened:
    Image.new("RGB", (8, 8)).save(folder / "source.png")
    turn = Turn(
        "a plan", Image.new("RGB", (8, 8)), Verdict(False, ("too dark",), {"a": 0.5}), True, {"s": 1.0}
    )
    made = Trace("p", (turn, Turn(None, turn.image)), 7, questions=(("q", "a"),), modes=("direct",), id="a")
    made.save(folder)
    samples = [(folder / "trace.json").read_bytes()]

    def read() -> object:
        """As `irg data convert` does."""
        list(EpisodeSource(folder).survey())
        row = row_of(Trace.load(folder))
        trace_of(row, PLACE)
        return pyarrow.Table.from_pylist([row], schema())

    return samples * 2, as_file(folder / "trace.json", read)


def _conversations(folder: Path) -> Opened:
    random = np.random.default_rng(0)
    rows = [as_json(conversation(number, random)) for number in range(2)]
    parquet.write_table(pyarrow.table({"conversation": [rows[0].decode()]}), folder / "rows.parquet")
    source = ConversationSource(folder / "rows.parquet", "Draw.")

    def read(data: bytes) -> object:
        row = {"conversation": data}
        try:
            source.from_row(row, PLACE, sketch=True)
        finally:
            made = source.from_row(row, PLACE)
        return made

    return rows, read


def _trace_rows(folder: Path) -> Opened:
    """A row as JSON, in which the pictures' bytes are base64."""
    row = row_of(trace(0, np.random.default_rng(0)))

    def coded(value: Any, code: Callable[[Any], Any]) -> Any:
        if isinstance(value, dict):
            return {
                name: code(inner) if name == "bytes" else coded(inner, code) for name, inner in value.items()
            }
        return [coded(inner, code) for inner in value] if isinstance(value, list) else value

    def decoded(value: Any) -> Any:
        try:
            return base64.b64decode(value)
        except (ValueError, TypeError):
            return value

    def read(data: bytes) -> object:
        content = loaded(data)
        if not isinstance(content, dict):
            raise ValueError("no row")
        values = coded(content, decoded)
        try:
            trace_of(values, PLACE, sketch=True)
        finally:
            made = trace_of(values, PLACE)
        public_row(values)  # which is given rows that can be read
        return made

    return [as_json(coded(row, lambda data: base64.b64encode(data).decode()))], read


def _tables(folder: Path) -> Opened:
    """Whole parquet files."""
    random = np.random.default_rng(0)
    with TraceWriter(folder / "made", rows_per_group=2) as writer:
        for number in range(3):
            writer.write(trace(number, random))
    (written,) = (folder / "made").glob("*.parquet")
    path = folder / "changed.parquet"

    def read() -> object:
        store = TraceStore(path)
        assert len(list(column_names(path))) < 2
        seen = [one for one, _ in zip(store.survey(), range(20))]  # noqa: B905
        for index in range(min(len(store), 4)):
            try:
                store.read(index)
            except RowError:
                continue
        return seen

    return [written.read_bytes()], as_file(path, read)


def _pictures(folder: Path) -> Opened:
    shown = Image.effect_noise((24, 16), 50)
    samples = []
    forms = (("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("PNG", "1"), ("JPEG", "RGB"))
    more = (("JPEG", "CMYK"), ("WEBP", "RGB"), ("GIF", "P"), ("BMP", "RGB"), ("TIFF", "RGB"), ("TIFF", "L"))
    for form, mode in (*forms, *more):
        file = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        shown.convert(mode).save(file, format=form, **({"exif": exif} if form in ("JPEG", "WEBP") else {}))
        samples.append(file.getvalue())
    frames = io.BytesIO()
    shown.convert("P").save(frames, format="GIF", save_all=True, append_images=[shown.convert("P")] * 3)

    def read(data: bytes) -> object:
        with suppress(ValueError):
            image_size(data, "it")
        return read_image(data, "it")

    return [*samples, frames.getvalue()], read


def _base64(folder: Path) -> Opened:
    encoded = png(Image.new("RGB", (8, 8)))
    return [base64.b64encode(encoded), base64.encodebytes(encoded)], lambda data: read_image(
        from_base64(data.decode("utf-8", "surrogateescape"), "it")
    )


def _prompts(folder: Path) -> Opened:
    samples = (
        b"a red circle\n\ntwo stars\n",
        b'{"prompt": "a"}\n{"prompt": "b", "x": [1]}\n',
        b'["a", {"prompt": "b"}]',
    )

    table = io.BytesIO()
    parquet.write_table(pyarrow.table({"prompt": ["a", "b"], "image": ["a.png", None]}), table)
    (folder / "a.png").write_bytes(png(Image.new("RGB", (8, 8))))

    def read(data: bytes) -> object:
        found = []
        for suffix in (".txt", ".jsonl", ".json", ".csv", ".parquet"):
            path = folder / f"p{suffix}"
            path.unlink(missing_ok=True)  # what was read may still be mapped
            path.write_bytes(data)
            try:
                found.append(list(read_prompts(path)))
                found.append(list(read_pairs(path, ("prompt",), "image")))
            except ValueError:
                continue
        return found

    return [*samples, table.getvalue()], read


def _foreign_lists(folder: Path) -> Opened:
    png_of = png(Image.new("RGB", (8, 8), "red"))
    (folder / "a.png").write_bytes(png_of)
    coded = f"data:image/png;base64,{base64.b64encode(png_of).decode()}"
    rows: list[dict[str, Any]] = [
        {"image": "a.png", "text": "a cat"},
        {"image": coded, "captions": {"long": "a red cat", "short": "cat"}},
        {"source_img": "a.png", "instruction": "make it red", "target_img": "a.png"},
        {"image": "a.png", "question": "which?", "answer": "red", "prompt": "p", "thought": "t"},
        {"images": ["a.png"], "messages": [{"role": "user", "content": "<image> draw"}]},
    ]
    samples = [as_json(row) for row in rows] + [b"\n".join(map(as_json, rows[:2])) + b"\n"]
    listed = b"image,text\na.png,a cat\na.png,a dog\n"

    def read(data: bytes) -> object:
        found = []
        for suffix in (".jsonl", ".csv", ".json"):
            (folder / f"list{suffix}").write_bytes(data)
            with suppress(ValueError):
                rows_read = ForeignSource(
                    folder / f"list{suffix}", ForeignReading(pictures=folder)
                ).read_all()
                found.append([made for made, _ in zip(rows_read, range(20))])  # noqa: B905
            (folder / f"list{suffix}").unlink()
        return found

    return [*samples, listed, as_json(rows)], read


def _saved_tables(folder: Path) -> Opened:
    """What the `datasets` library saves."""
    picture = {"bytes": png(Image.new("RGB", (8, 8))), "path": None}
    table = pyarrow.table({"image": [picture] * 3, "text": ["a", "b", "c"]})
    buffer = io.BytesIO()
    with pyarrow.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))

    def read() -> object:
        source = ForeignSource(folder)
        return len(source), [made for made, _ in zip(source.read_all(), range(20))]  # noqa: B905

    return [buffer.getvalue()], as_file(folder / "data.arrow", read)


def _captions(folder: Path) -> Opened:
    """Texts beside pictures."""
    (folder / "a.png").write_bytes(png(Image.new("RGB", (8, 8))))

    def read() -> object:
        return [made for made, _ in zip(ForeignSource(folder).read_all(), range(20))]  # noqa: B905

    return [b"a red circle", "größer\n".encode()], as_file(folder / "a.txt", read)


def _foreign_tars(folder: Path) -> Opened:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("1.png", png(Image.new("RGB", (8, 8)))), ("1.txt", b"a cat"), ("1.json", b"{}")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))

    def read() -> object:
        return [made for made, _ in zip(ForeignSource(folder / "0.tar").read_all(), range(20))]  # noqa: B905

    whole = buffer.getvalue()
    return [whole, gzip.compress(whole, mtime=0)], as_file(folder / "0.tar", read)


PARSERS = (
    Parser("manifests", _manifests),
    Parser("set manifests", _set_manifests),
    Parser("surveys", _findings),
    Parser("traces", _traces, (ValueError, OSError)),
    Parser("conversations", _conversations),
    Parser("trace rows", _trace_rows),
    Parser("parquet files", _tables),
    Parser("foreign lists", _foreign_lists),
    Parser("foreign tars", _foreign_tars),
    Parser("captions", _captions),
    Parser("saved tables", _saved_tables),
    Parser("pictures", _pictures),
    Parser("base64 pictures", _base64),
    Parser("prompt files", _prompts),
)
