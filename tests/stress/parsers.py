"""Everything that reads what somebody else wrote, with samples of it."""

import base64
import io
import json
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import yaml
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from PIL import Image
from pyarrow import parquet

from irg.core.files import parse_json, read_json, write_atomically
from irg.core.output import MARKER, refuse_to_replace
from irg.core.reading import from_base64, image_size, read_image
from irg.core.recipe import read_recipe
from irg.core.trace import Trace, Turn, Verdict, png
from irg.curate.recipe import CurateRecipe
from irg.curate.teacher.texts import Thought
from irg.curate.texts import read_prompts
from irg.data.conversation import ConversationSource
from irg.data.episodes import EpisodeSource
from irg.data.findings import Findings, recall, remember
from irg.data.sets import read_manifest
from irg.data.source import RowError, RowPlace
from irg.data.trace_rows import row_of, schema, trace_of
from irg.data.traces import TraceStore, TraceWriter
from irg.endpoint.answers import AttemptError, Saying, first, reason_of, words_of
from irg.endpoint.structured import read_answer
from irg.model.config import read_config
from irg.model.weights import content_of_weights, read_header, read_weights, weight_files
from irg.pipeline import Settings
from irg.run.saved import Files, read_index
from irg.train.plot import read_metrics
from irg.train.recipes import KINDS
from irg.world import OutsideWorld, parse, parse_reflection, parse_thought
from irg.world.wording import as_phrased
from tests.data.broken import conversation, trace
from tests.stress.fuzz import Parser, Reader

RECIPES = Path(__file__).parents[2] / "recipes"
GOLDEN = Path(__file__).parents[1] / "golden" / "ckpt"
PLACE = RowPlace("rows.parquet", 0)
Opened = tuple[list[bytes], Reader]


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _as_file(path: Path, read: Callable[[], object]) -> Reader:
    def reader(data: bytes) -> object:
        path.write_bytes(data)
        return read()

    return reader


def _recipes(folder: Path) -> Opened:
    kinds, path = {**KINDS, "curate": CurateRecipe}, folder / "recipe.yaml"
    names = ("smoke", "finetune_laptop", "embedded_tokenizer", "embedded_autoencoder", "scene", "teacher")
    texts = [(RECIPES / f"{name}.yaml").read_bytes() for name in names]
    as_json = [_json(yaml.safe_load(text)) for text in texts]
    return texts + as_json * 2, _as_file(path, lambda: read_recipe(path, kinds))


def _overrides(folder: Path) -> Opened:
    path = RECIPES / "smoke.yaml"
    samples = (
        *(b"steps=100", b"data.0.modes.direct=0.5", b"lora={rank: 4}"),
        *(b"optimizer.rate=1e-4", b"batch.tokens=512", b"init=embedded", b"out=runs/x", b"freeze=[vision]"),
        *(b"evaluation.prompts=['a b']", b"schedule.kind=linear", b"settings.first.text_scale=2.0"),
    )

    def read(data: bytes) -> object:
        return read_recipe(path, KINDS, [data.decode("utf-8", "surrogateescape")])

    return list(samples), read


def _config(name: str) -> Callable[[Path], Opened]:
    def open_it(folder: Path) -> Opened:
        for other in ("llm_config.json", "vit_config.json", "ae_params.json"):
            shutil.copy(GOLDEN / other, folder)
        return [(GOLDEN / name).read_bytes()], _as_file(folder / name, lambda: read_config(folder))

    return open_it


def _settings(folder: Path) -> Opened:
    samples = [_json(Settings().model_dump(mode="json")), _json({"width": 128, "first": {"text_scale": 2}})]
    return samples, _as_file(folder / "irg.json", lambda: Settings.from_folder(folder))


def _headers(folder: Path) -> Opened:
    """A JSON header with the length before it that it has, and the tensors of the reference's file behind."""
    path, whole = folder / "ema.safetensors", (GOLDEN / "ae.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])

    def read(data: bytes) -> object:
        path.write_bytes(struct.pack("<Q", len(data)) + data + whole[8 + length :])
        read_header(path)
        return content_of_weights(path), list(read_weights([path], {}))

    def tolerant(data: bytes) -> object:
        try:
            return read(data)
        except ValueError:
            if data == whole[8 : 8 + length]:
                return read_header(path)  # none of its tensors is wanted
            raise

    return [whole[8 : 8 + length]], tolerant


def _weight_files(folder: Path) -> Opened:
    path, whole = folder / "x.safetensors", (GOLDEN / "ae.safetensors").read_bytes()[:65_536]
    (length,) = struct.unpack("<Q", whole[:8])
    end = max(one["data_offsets"][1] for one in json.loads(whole[8 : 8 + length]).values() if "dtype" in one)
    small = whole[: 8 + length] + bytes(min(end, 1 << 16))

    def read(data: bytes) -> object:
        path.write_bytes(data)
        return None if data == small else read_header(path)

    return [small], read


def _shard_indexes(folder: Path) -> Opened:
    for name in ("a.safetensors", "b.safetensors"):
        (folder / name).write_bytes(b"")
    content = {"metadata": {"total_size": 8}, "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    path = folder / "ema.safetensors.index.json"
    return [_json(content)], _as_file(path, lambda: weight_files(folder))


def _checkpoint_indexes(folder: Path) -> Opened:
    (folder / "rank-00000.safetensors").write_bytes((GOLDEN / "ae.safetensors").read_bytes())
    header = read_header(folder / "rank-00000.safetensors")[1]
    shapes = {name: entry.shape for name, entry in header.items()}
    name, shape = min(shapes.items(), key=lambda item: item[1].numel())
    chunk = {
        "file": "rank-00000.safetensors",
        "offsets": [0] * len(shape),
        "shape": list(shape),
        "checksum": 0,
    }
    content = {"format": 1, "tensors": {name: {"dtype": "float32", "shape": list(shape), "chunks": [chunk]}}}

    def read() -> object:
        index = read_index(folder)
        with Files(folder) as files:
            for key, saved in index.items():
                for one in saved.chunks:
                    files.chunk(key, one, compare=False)

    return [_json(content)], _as_file(folder / "index.json", read)


def _manifests(folder: Path) -> Opened:
    random = np.random.default_rng(0)
    with TraceWriter(folder, {"made": "here"}, rows_per_group=2) as writer:
        for number in range(5):
            writer.write(trace(number, random))

    def read() -> object:
        store = TraceStore(folder)
        return store.fingerprint, store.group_bytes, [one for one, _ in zip(store.survey(), range(20))]  # noqa: B905

    return [(folder / "manifest.json").read_bytes()], _as_file(folder / "manifest.json", read)


def _set_manifests(folder: Path) -> Opened:
    content = {"version": 1, "shards": [{"name": "a", "rows": 3}], "recipe": {}, "counts": {"kept": 3}}
    return [_json(content)], _as_file(folder / "manifest.json", lambda: read_manifest(folder))


def _markers(folder: Path) -> Opened:
    (folder / "mine.txt").write_text("mine")
    content = {"kind": "checkpoint", "files": {"mine.txt": 4}}

    def read() -> object:
        refuse_to_replace(folder, "checkpoint")

    return [_json(content)], _as_file(folder / MARKER, read)


def _findings(folder: Path) -> Opened:
    found, key = Findings([3, 4], [1, 1], {0: RowPlace("f", 0).error(next(iter(_faults())), "x")}), {"a": 1}
    remember(folder, key, found)
    (path,) = folder.glob("survey-*.json")
    return [path.read_bytes()], _as_file(path, lambda: recall(folder, key))


def _faults() -> list[Any]:
    from irg.data.source import Fault

    return [Fault.WRONG_TYPE]


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

    return samples * 2, _as_file(folder / "trace.json", read)


def _conversations(folder: Path) -> Opened:
    random = np.random.default_rng(0)
    rows = [_json(conversation(number, random)) for number in range(2)]
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
        content = json.loads(data)
        if not isinstance(content, dict):
            raise ValueError("no row")
        values = coded(content, decoded)
        try:
            trace_of(values, PLACE, sketch=True)
        finally:
            made = trace_of(values, PLACE)
        return made

    return [_json(coded(row, lambda data: base64.b64encode(data).decode()))], read


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
        seen = [one for one, _ in zip(store.survey(), range(20))]  # noqa: B905
        for index in range(min(len(store), 4)):
            try:
                store.read(index)
            except RowError:
                continue
        return seen

    return [written.read_bytes()], _as_file(path, read)


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


def _answers(folder: Path) -> Opened:
    """What a server says, as the client gives it, which checks nothing."""
    message = {
        "role": "assistant",
        "content": 'Well: {"thought": "a red circle, twenty letters"}',
        "refusal": None,
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    whole = {"id": "a", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    chunk = {**whole, "choices": [{"index": 0, "delta": message, "finish_reason": "length"}]}
    error = {"error": {"message": "no", "type": "x", "code": "content_filter", "inner": {"status": 429}}}

    def read(data: bytes) -> object:
        content = json.loads(data)
        told = reason_of(content), words_of(content)
        for kind, part in ((ChatCompletion, "message"), (ChatCompletionChunk, "delta")):
            answer = kind.construct(**content) if isinstance(content, dict) else content
            saying = Saying()
            try:
                first(answer, "choices")
                saying.take(answer, part)
                read_answer(str(saying.response("m").content), Thought)
            except (AttemptError, ValueError):
                continue
        return told

    return [_json(whole), _json(chunk), _json(error), _json([error])], read


def _structured(folder: Path) -> Opened:
    said = '{"thought": "a red circle to the left of a star"}'
    samples = (said, f"<think>hm {{}} </think>\n```json\n{said}\n```", f"Here {{it}} is: {said} {said}")
    return [one.encode() for one in samples], lambda data: read_answer(
        data.decode("utf-8", "surrogatepass"), Thought
    )


def _prompts(folder: Path) -> Opened:
    samples = (
        b"a red circle\n\ntwo stars\n",
        b'{"prompt": "a"}\n{"prompt": "b", "x": [1]}\n',
        b'["a", {"prompt": "b"}]',
    )

    def read(data: bytes) -> object:
        found = []
        for suffix in (".txt", ".jsonl", ".json", ".csv"):
            (folder / f"p{suffix}").write_bytes(data)
            try:
                found.append(list(read_prompts(folder / f"p{suffix}")))
            except ValueError:
                continue
        return found

    return list(samples), read


def _metrics(folder: Path) -> Opened:
    lines = [{"step": 1, "flow/all": 0.5, "text/all": 2.0, "seconds": 1.0}, {"step": 2, "flow/all": None}]
    content = b"".join(_json(line) + b"\n" for line in lines)
    return [content, _json(lines[0])], _as_file(folder / "metrics.jsonl", lambda: read_metrics(folder))


def _plain_json(folder: Path) -> Opened:
    path = folder / "x.json"

    def read(data: bytes) -> object:
        path.write_bytes(data)
        content = read_json(path)
        write_atomically(folder / "y.json", json.dumps(content, ensure_ascii=False, allow_nan=False))
        return parse_json((folder / "y.json").read_text(encoding="utf-8"), "y")

    return [_json({"a": [1, 2.5, "größe"], "b": {"c": None}}), b'{"a": "\\ud83d\\ude00"}'], read


def _worded(folder: Path) -> Opened:
    samples = (
        *(b"two red circles left of a blue square", b"Please draw me a picture of 2 small red hearts."),
        *(b"Plan: a red circle at the top.", b"Better: nothing.", b"a star, two hearts and a square"),
    )

    def read(data: bytes) -> object:
        text = data[:4096].decode("utf-8", "replace")
        for one in (parse, as_phrased, parse_thought, parse_reflection):
            try:
                one(text)
            except (OutsideWorld, ValueError):
                continue
        return text

    return list(samples), read


PARSERS = (
    Parser("recipes", _recipes),
    Parser("overrides", _overrides),
    *(
        Parser(f"config {name.split('.')[0]}", _config(name))
        for name in ("llm_config.json", "vit_config.json", "ae_params.json")
    ),
    Parser("settings", _settings),
    Parser("safetensors headers", _headers),
    Parser("safetensors files", _weight_files),
    Parser("shard indexes", _shard_indexes),
    Parser("checkpoint indexes", _checkpoint_indexes),
    Parser("manifests", _manifests),
    Parser("set manifests", _set_manifests),
    Parser("markers", _markers),
    Parser("surveys", _findings),
    Parser("traces", _traces, (ValueError, OSError)),
    Parser("conversations", _conversations),
    Parser("trace rows", _trace_rows),
    Parser("parquet files", _tables),
    Parser("pictures", _pictures),
    Parser("base64 pictures", _base64),
    Parser("teachers' answers", _answers),
    Parser("structured answers", _structured),
    Parser("prompt files", _prompts),
    Parser("metrics", _metrics),
    Parser("JSON", _plain_json),
    Parser("prompts", _worded),
)
BY_NAME = {one.name: one for one in PARSERS}
