"""What runs, curations and scorers keep, adapters, tokenizers and words: it may be another's, or damaged."""

import io
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

import pyarrow
import torch
import yaml
from PIL import Image
from pyarrow import parquet
from safetensors.torch import save

from irg.cli.compare import scored
from irg.core.cost import Cost
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.core.shipped import PLAN, named
from irg.core.trace import Trace, Turn
from irg.curate.records import TraceRecord, work_of
from irg.curate.teacher.templates import read_templates
from irg.endpoint import Account
from irg.endpoint.cache import AnswerCache, Stored
from irg.endpoint.database import Database
from irg.model.adapter_file import CONFIG, WEIGHTS, AdapterFolder
from irg.pipeline.plans.plan_file import SystemSource
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.systems import system_texts
from irg.pipeline.report import is_episode
from irg.prep.text import Tokenizer
from irg.publish.upload import Upload, check
from irg.publish.webdataset import INDEX
from irg.run.checkpoint import CheckpointError
from irg.run.lines import lines_until
from irg.run.parallel import Layout
from irg.run.rejections import Rejections
from irg.run.saved import read_json as read_saved
from irg.scorers.clip_t5 import tensors_of
from irg.scorers.first_words import chat_template
from irg.scorers.style import read_official
from irg.serve.tokens import TokenBook, TokenLimits
from irg.stages.shards import Mark, Shard, Tally
from tests.stress.fuzz import Parser
from tests.stress.parsers_of_data import GOLDEN, Opened, as_file, as_json

_FIRST, _SECOND = Mark("propose", "a" * 8), Mark("draw", "b" * 8)


def _work_stores(folder: Path) -> Opened:
    """Whole files of what a stage made."""
    red, blue = (Picture.of(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue"))
    records = (TraceRecord("a", 0, "one", image2=red), TraceRecord("b", 1, "two").reject("propose", "no"))
    before = Shard(3, (_FIRST,), records)
    after = before.after(_SECOND, [replace(records[0], id="c", image1=blue), records[1]])
    store = work_of(folder)
    store.save(before, None, Tally())
    store.save(after, before, Tally(2, 1, 0.5, {"too bad": 1}, Cost(1, 2, 3, 0.25)))
    path = store.path(3, _SECOND)
    aside = path.with_suffix(".aside")

    def read(data: bytes) -> object:
        aside.write_bytes(data)
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        found: list[object] = []
        asks: tuple[Callable[[], object], ...] = (
            lambda: list(store.files()),
            lambda: store.tally(3, _SECOND),
            lambda: store.load(3, after.lineage),
            lambda: store.recall_aside(before, _SECOND, {"c"}),
        )
        for ask in asks:
            with suppress(ValueError):
                found.append(ask())
        return found, store.follow(before, _SECOND)

    return [path.read_bytes()], read


def _records(folder: Path) -> Opened:
    """A record of a stage as JSON, in a file that is whole."""
    store, record = work_of(folder), TraceRecord("a", 0, "one", scores={"a": 0.5}, notes={"a": 1})
    shard = Shard(0, (_FIRST,), (record,))
    store.save(shard, None, Tally(1, 1))
    path = store.path(0, _FIRST)
    table = parquet.read_table(path)

    def read(data: bytes) -> object:
        text = data.decode("utf-8", "replace")
        changed = table.set_column(0, "record", pyarrow.array([text], pyarrow.string()))
        parquet.write_table(changed, path)
        return store.load(0, (_FIRST,)), store.load(0, (_FIRST,), pictures=False)

    return [table.column("record")[0].as_py().encode()], read


def _kept_answers(folder: Path) -> Opened:
    """What stands in the database for an answer."""
    database = Database(Account(folder=folder, name="a"))
    cache = AnswerCache(database)
    for key, content in (("text", "red"), ("picture", b"red")):
        cache.put(key, Stored(content, Cost(1, 2, 3, 0.5), "m"))
    with database.reading() as connection:
        samples = [row[0].encode() for row in connection.execute("SELECT content FROM answers")]

    def read(data: bytes) -> object:
        with database.writing() as connection:
            text = data.decode("utf-8", "replace")
            connection.execute("INSERT OR REPLACE INTO answers VALUES ('x', ?)", (text,))
        return cache.get("x")

    return samples, read


def _adapter_settings(folder: Path) -> Opened:
    content = {
        "peft_type": "LORA",
        "base_model_name_or_path": "embedded",
        "r": 2,
        "lora_alpha": 4.0,
        "use_rslora": False,
        "bias": "none",
    }

    def read() -> object:
        adapters = AdapterFolder(folder)
        return adapters.base, adapters.is_its_own_base, adapters.scale, adapters.config_with("x")

    return [as_json(content)], as_file(folder / CONFIG, read)


def _adapter_weights(folder: Path) -> Opened:
    name = "base_model.model.a.b"
    tensors = {f"{name}.lora_A.weight": torch.ones(1, 4), f"{name}.lora_B.weight": torch.ones(4, 1)}
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 2}))

    def read() -> object:
        adapters = AdapterFolder(folder)
        adapters.check({"a.b.weight": torch.Size((4, 4))})
        return adapters.added("a.b.weight", torch.ones(4, 4))

    return [save(tensors)], as_file(folder / WEIGHTS, read)


def _tokenizers(folder: Path) -> Opened:
    """A small one: the whole file of a checkpoint is long."""
    content = json.loads((GOLDEN / "tokenizer.json").read_text())

    def read() -> object:
        found = Tokenizer.from_folder(folder)
        return found.decode(found.encode("two red circles"))

    return [json.dumps(content).encode()], as_file(folder / "tokenizer.json", read)


def _templates(folder: Path) -> Opened:
    path = folder / "templates.yaml"
    own = files("irg.curate.teacher").joinpath("templates.yaml").read_bytes()
    return [own, as_json(yaml.safe_load(own))], as_file(path, lambda: read_templates(path))


def _lines_of_runs(folder: Path) -> Opened:
    line = {"step": 1, "stream": "a", "file": "f", "row": 3, "reason": "wrong type", "detail": "x"}
    path, layout = folder / "rejected.jsonl", Layout(0, 1, torch.device("cpu"))

    def read() -> object:
        found = list(lines_until(path, 5))
        Rejections(folder, layout).begin([], 5)
        return found

    return [as_json(line) + b"\n" + as_json(line) + b"\n", as_json(line)], as_file(path, read)


def _states(folder: Path) -> Opened:
    path = folder / "plain.json"
    return [as_json({"identity": {"a": 1}, "plain": {"step": 3}})], as_file(path, lambda: read_saved(path))


def _torch_files(folder: Path) -> Opened:
    """What PyTorch saves: style references, and CLIP-FlanT5's weights."""
    path, buffer = folder / "pytorch_model.bin", io.BytesIO()
    torch.save({"a.weight": torch.ones(2, 2), "b": torch.zeros(3)}, buffer)

    def read() -> object:
        with suppress(ValueError):
            read_official(path)
        return [tensor.sum() for _, tensor in tensors_of(folder)]

    return [buffer.getvalue()], as_file(path, read)


def _chat_templates(folder: Path) -> Opened:
    path = folder / "chat_template.json"
    return [as_json({"chat_template": "{{ messages }}"})], as_file(path, lambda: chat_template(folder))


def _published_sets(folder: Path) -> Opened:
    part = folder / "data" / "train"
    part.mkdir(parents=True)
    (folder / "README.md").write_text("---\n---\n")
    (part / "a.tar").write_bytes(b"")
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    content = {"shards": [{"name": "a.tar", "samples": 0, "num_bytes": 0, "sha256": digest}]}
    return [as_json(content)], as_file(part / INDEX, lambda: check(Upload(folder, "a/b")))


def _episodes(folder: Path) -> Opened:
    """What tells old folders without markers from others."""
    Trace("p", (Turn(None, Image.new("RGB", (8, 8))),), 7).save(folder)
    summary = folder / "summary.json"

    def read(data: bytes) -> object:
        (folder / "trace.json").write_bytes(data)
        summary.write_bytes(data)
        with suppress(ValueError), scored(folder):
            pass
        return is_episode(folder)

    return [(folder / "trace.json").read_bytes(), as_json({"protocol": "irg-scene-1"})], read


def _plans(folder: Path) -> Opened:
    """Plans of steps, with the system prompts that they name."""
    path = folder / "plan.yaml"
    (folder / "s.txt").write_text("You draw.")
    texts = [named(name, PLAN).read_text() for name in ("irg", "zebra-cot", "embedded")]
    own = "plan: 1\nsystem: {file: s.txt}\nfirst: [{draw: I, reads: [system]}]\n"
    in_json = [as_json(yaml.safe_load(text)) for text in (*texts, own)]

    def read() -> object:
        plan = read_plan(path)
        named = [one for one in (plan.system, *plan.systems.values()) if not isinstance(one, str)]
        return None if any(one.address for one in named) else system_texts(plan, "You draw.")

    return [*(text.encode() for text in (*texts, own)), *in_json], as_file(path, read)


def _kept_prompts(folder: Path) -> Opened:
    """System prompts that were fetched once."""
    source = SystemSource(address="http://127.0.0.1:9/x", strip=True)
    plan = read_plan("embedded").changed(system=source)
    name = digest_of([source.address, source.constant, source.strip])[:24]
    path = folder / "irg" / "prompts" / f"{name}.json"
    path.parent.mkdir(parents=True)
    content = {"text": "You draw.", "sha256": sha256(b"You draw.").hexdigest()}

    def read() -> object:
        with patch.dict(os.environ, {"XDG_CACHE_HOME": str(folder)}):
            return system_texts(plan, "")

    return [as_json(content)], as_file(path, read)


def _tokens(folder: Path) -> Opened:
    path = folder / "tokens.json"
    TokenBook(path).add("alice", TokenLimits())

    def read() -> object:
        book = TokenBook(path)
        return book.known(), book.is_needed, book.caller("x")

    return [path.read_bytes()], as_file(path, read)


PARSERS = (
    Parser("plans", _plans),
    Parser("kept prompts", _kept_prompts),
    Parser("tokens", _tokens),
    Parser("work stores", _work_stores),
    Parser("stages' records", _records),
    Parser("kept answers", _kept_answers),
    Parser("adapters' settings", _adapter_settings),
    Parser("adapters' weights", _adapter_weights),
    Parser("tokenizers", _tokenizers),
    Parser("templates", _templates),
    Parser("lines of runs", _lines_of_runs),
    Parser("states of runs", _states, (ValueError, CheckpointError)),
    Parser("torch files", _torch_files),
    Parser("chat templates", _chat_templates),
    Parser("published sets", _published_sets),
    Parser("episodes", _episodes),
)
