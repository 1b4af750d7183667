"""Everything that reads what somebody else wrote, with samples of it."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import yaml
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from irg.core.files import parse_json, read_json, write_atomically
from irg.core.output import MARKER, refuse_to_replace
from irg.core.recipe import read_recipe
from irg.curate.recipe import CurateRecipe
from irg.curate.teacher.texts import Thought
from irg.endpoint.answers import AttemptError, Saying, first, reason_of, words_of
from irg.endpoint.structured import read_answer
from irg.model.config import read_config
from irg.model.weights import content_of_weights, read_header, read_weights, weight_files
from irg.pipeline import Settings
from irg.rl.prompts import prompts_of
from irg.rl.settings import PromptSettings, RlRecipe
from irg.run.saved import Files, read_index
from irg.train.plot import read_metrics
from irg.train.recipes import KINDS
from irg.world import OutsideWorld, parse, parse_reflection, parse_thought
from irg.world.wording import as_phrased
from tests.stress.fuzz import Parser
from tests.stress.parsers_of_bench import PARSERS as PARSERS_OF_BENCH
from tests.stress.parsers_of_data import PARSERS as PARSERS_OF_DATA
from tests.stress.parsers_of_data import Opened, as_file, as_json, loaded
from tests.stress.parsers_of_work import PARSERS as PARSERS_OF_WORK

RECIPES = Path(__file__).parents[2] / "recipes"
GOLDEN = Path(__file__).parents[1] / "golden" / "ckpt"


def _recipes(folder: Path) -> Opened:
    kinds, path = {**KINDS, "curate": CurateRecipe, "rl": RlRecipe}, folder / "recipe.yaml"
    names = (
        "smoke",
        "finetune_laptop",
        "embedded_tokenizer",
        "embedded_autoencoder",
        "scene",
        "teacher",
        "rl_embedded",
    )
    texts = [(RECIPES / f"{name}.yaml").read_bytes() for name in names]
    in_json = [as_json(yaml.safe_load(text)) for text in texts]
    return texts + in_json * 2, as_file(path, lambda: read_recipe(path, kinds))


def _prompts_of_rollouts(folder: Path) -> Opened:
    path = folder / "prompts.jsonl"
    samples = [b'{"prompt": "a red star"}\n{"prompt": "two cats", "tag": "counting", "include": [1]}\n']
    return samples, as_file(path, lambda: prompts_of(PromptSettings(file=path))(7))


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
        return [(GOLDEN / name).read_bytes()], as_file(folder / name, lambda: read_config(folder))

    return open_it


def _settings(folder: Path) -> Opened:
    samples = [
        as_json(Settings().model_dump(mode="json")),
        as_json({"width": 128, "first": {"text_scale": 2}}),
    ]
    return samples, as_file(folder / "irg.json", lambda: Settings.from_folder(folder))


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
    return [as_json(content)], as_file(path, lambda: weight_files(folder))


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

    return [as_json(content)], as_file(folder / "index.json", read)


def _markers(folder: Path) -> Opened:
    (folder / "mine.txt").write_text("mine")
    content = {"kind": "checkpoint", "files": {"mine.txt": 4}}

    def read() -> object:
        refuse_to_replace(folder, "checkpoint")

    return [as_json(content)], as_file(folder / MARKER, read)


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
        content = loaded(data)
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

    return [as_json(whole), as_json(chunk), as_json(error), as_json([error])], read


def _structured(folder: Path) -> Opened:
    said = '{"thought": "a red circle to the left of a star"}'
    samples = (said, f"<think>hm {{}} </think>\n```json\n{said}\n```", f"Here {{it}} is: {said} {said}")
    return [one.encode() for one in samples], lambda data: read_answer(
        data.decode("utf-8", "surrogatepass"), Thought
    )


def _metrics(folder: Path) -> Opened:
    lines = [{"step": 1, "flow/all": 0.5, "text/all": 2.0, "seconds": 1.0}, {"step": 2, "flow/all": None}]
    content = b"".join(as_json(line) + b"\n" for line in lines)
    return [content, as_json(lines[0])], as_file(folder / "metrics.jsonl", lambda: read_metrics(folder))


def _plain_json(folder: Path) -> Opened:
    path = folder / "x.json"

    def read(data: bytes) -> object:
        path.write_bytes(data)
        content = read_json(path)
        write_atomically(folder / "y.json", json.dumps(content, ensure_ascii=False, allow_nan=False))
        return parse_json((folder / "y.json").read_text(encoding="utf-8"), "y")

    return [as_json({"a": [1, 2.5, "größe"], "b": {"c": None}}), b'{"a": "\\ud83d\\ude00"}'], read


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
    *PARSERS_OF_DATA,
    *PARSERS_OF_BENCH,
    *PARSERS_OF_WORK,
    Parser("recipes", _recipes),
    Parser("overrides", _overrides),
    Parser("prompts of rollouts", _prompts_of_rollouts),
    *(
        Parser(f"config {name.split('.')[0]}", _config(name))
        for name in ("llm_config.json", "vit_config.json", "ae_params.json")
    ),
    Parser("settings", _settings),
    Parser("safetensors headers", _headers),
    Parser("safetensors files", _weight_files),
    Parser("shard indexes", _shard_indexes),
    Parser("checkpoint indexes", _checkpoint_indexes),
    Parser("markers", _markers),
    Parser("teachers' answers", _answers),
    Parser("structured answers", _structured),
    Parser("metrics", _metrics),
    Parser("JSON", _plain_json),
    Parser("prompts", _worded),
)
BY_NAME = {one.name: one for one in PARSERS}
