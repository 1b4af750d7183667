"""Benchmarks: official files, official trees, runs, and what judges and scorers answer."""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from irg.bench.columns import sections_of
from irg.bench.episodes import DrawnEpisode, PictureCost
from irg.bench.genai.prompts import read_prompts as genai_prompts
from irg.bench.geneval.benchmark import GENEVAL
from irg.bench.geneval.prompts import read_prompts as geneval_prompts
from irg.bench.geneval2.prompts import read_prompts as geneval2_prompts
from irg.bench.items import Item
from irg.bench.known import benchmark
from irg.bench.official import Wanted, official_texts
from irg.bench.oneig.benchmark import ONEIG
from irg.bench.oneig.grids import joined
from irg.bench.oneig.items import oneig_items
from irg.bench.oneig.reading import Lettering
from irg.bench.oneig.remote import RemoteEncoders
from irg.bench.page import markdown, page
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import JudgeOptions, Shown
from irg.bench.remote import HEAR, RemoteJudge, judge_server
from irg.bench.runs import BenchRun, of_trees
from irg.bench.settings import read_settings
from irg.bench.sources import PINS, official_files
from irg.bench.speed.report import compared, read_run
from irg.bench.tiif.answers import read_answers
from irg.bench.tiif.benchmark import tiif_items
from irg.bench.tiif.groups import TYPES
from irg.bench.tree import OfficialTree, TurnFolder, content_of
from irg.bench.vlm import vlm_settings
from irg.bench.wise.answers import without_thoughts
from irg.bench.wise.benchmark import OF_2025, bagel_value, read_legacy, read_verified
from irg.core.trace import png
from irg.scorers.http import ScorerClient, ScorerFailed
from tests.bench.genai import samples as genai
from tests.bench.geneval import samples as geneval
from tests.bench.geneval2 import samples as geneval2
from tests.bench.oneig import sources as oneig
from tests.bench.small import COLOURS, RED, ColourJudge
from tests.bench.tiif import sources as tiif
from tests.bench.wise import sources as wise
from tests.stress.fuzz import Parser
from tests.stress.parsers_of_data import Opened, as_file, as_json


def in_each(files: Sequence[Path], read: Callable[[], object], most: int | None = None) -> Opened:
    """Files that are read together: what is changed takes the place of each of them, one after the other."""
    originals = {path: path.read_bytes() for path in files}
    read()

    def reader(data: bytes) -> object:
        for path, original in originals.items():
            path.write_bytes(data)
            with suppress(ValueError):
                read()
            path.write_bytes(original)
        return data

    return [*originals.values()][:most], reader


def _geneval(folder: Path) -> Opened:
    path = geneval.write_prompts(folder)
    lines = path.read_bytes().splitlines()
    return [path.read_bytes(), *lines], as_file(path, lambda: geneval_prompts(path, "geneval"))


def _geneval2(folder: Path) -> Opened:
    path = geneval2.write_prompts(folder)
    lines = path.read_bytes().splitlines()
    return [path.read_bytes(), *lines], as_file(path, lambda: geneval2_prompts(path))


def _genai(folder: Path) -> Opened:
    genai.write_prompts(folder)
    return in_each(sorted(folder.glob("*.json")), lambda: genai_prompts(folder, "genai-bench"))


def _wise(folder: Path) -> Opened:
    wise.write_sources(folder, OF_2025, range(1, 7))
    return in_each([folder / path for path in OF_2025.prompts], lambda: OF_2025.items(folder), 1)


def _tiif(folder: Path) -> Opened:
    tiif.write_sources(folder)
    files = [path for path in folder.rglob("*.jsonl") if path.name.startswith(TYPES[0])]
    return in_each(sorted(files), lambda: tiif_items(folder))


def _oneig(folder: Path) -> Opened:
    oneig.write_sources(folder)
    files = [path for path in folder.rglob("*") if path.suffix in (".csv", ".json")]
    return in_each(sorted(files), lambda: oneig_items(folder))


def _sources(folder: Path) -> Opened:
    """Python files, in which templates are."""
    path = folder / "judge.py"
    any_text = Wanted("text", "", lambda text: True)
    samples = [text.encode() for text in (wise.SCRIPT, tiif.SCRIPT_TEXT, oneig.SCRIPT_TEXT)]

    def read() -> object:
        return official_texts(path, {"it": any_text}, modified=True)["it"].sha256

    return samples, as_file(path, read)


def _trees(folder: Path) -> Opened:
    """Pictures of official trees: one in a file, and a grid of them."""
    tiles = {number: Image.new("RGB", (8, 8), "red") for number in range(4)}
    trees: list[tuple[OfficialTree, Path, Item]] = []
    grid = b""
    for tree, facts in ((GENEVAL.tree, geneval.PROMPTS[0]), (ONEIG.tree, {"class": "anime", "number": "0"})):
        item = Item("00000", "a cup", (1, 2, 3, 4), facts)
        (one, *_) = tree.files(item)
        path = folder / str(len(trees)) / (one.path + tree.suffixes[0])
        path.parent.mkdir(parents=True)
        trees.append((tree, path, item))
        grid = grid if one.grid is None else joined(tiles, one.grid)

    def read(data: bytes) -> object:
        found = []
        for number, (tree, path, item) in enumerate(trees):
            path.write_bytes(data)
            content = content_of(tree, [item], folder / str(number))
            pictures = content.pictures(item)
            found.append((content.faults, [str(one) for one in pictures.values()]))
        return found

    return [RED, grid, png(Image.new("L", (9, 7)))], read


def _official_results(folder: Path) -> Opened:
    """What the official code of each benchmark leaves."""
    objects = json.dumps({"cup": [[0, 0, 8, 8, 0.9]]})
    verdict = {"filename": "00000/samples/00001.png", "correct": False, "reason": "none", "details": objects}
    scores = {"prompt_id": 1, "consistency": 2, "realism": 1, "aesthetic_quality": 0}
    answers = {"gt_answers": ["yes", "no"], "model_pred": ["yes", "no"]}
    left = {
        "geneval/results.jsonl": as_json(verdict),
        "wise/a_scores_results.jsonl": as_json(scores),
        "wise/a_full_results.json": as_json([{"prompt_id": 1, "evaluation": "Consistency: 2"}]),
        f"tiif/{TYPES[0]}/irg/short_description/0.json": as_json(answers),
        "geneval2/soft.json": as_json([[0.5, 0.5, 0.5]]),
        "geneval2/tifa.json": as_json([[1, 0, 1]]),
        "oneig-en/text_prompt_score_EN_1.csv": b',irg\n001,"[2.0, 0.5, 0.75]"\n002,\n',
        "oneig-en/style_prompt_score_EN_1.csv": b",irg\n001,0.5\n",
    }
    for name, content in left.items():
        path = folder / "left" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    items = {"geneval2": geneval2.items(folder), "genai-bench": genai.items(folder)}
    items["tiif"] = tiif_items(tiif.write_sources(folder / "tiif"))
    place = folder / "left" / "genai-bench"
    place.mkdir()
    torch.save(torch.tensor([[0.5]]), place / "x_1600_prompts.pt")

    def read() -> object:
        found = []
        for name in sorted(path.name for path in (folder / "left").iterdir()):
            program = benchmark(name).program
            assert program is not None
            found.append(
                program.read(folder / "left" / name, [Shown(one, 1, {}) for one in items.get(name, [])[:1]])
            )
        return found

    return in_each(sorted(path for path in (folder / "left").rglob("*") if path.is_file()), read)


def _first_fetch(folder: Path) -> Opened:
    """The hashes of files that were not known before they were fetched."""
    ours = benchmark("geneval-long")
    (folder / ours.sources[0].path).write_text("{}")
    path = folder / PINS
    return [as_json({ours.sources[0].path: "0" * 64})], as_file(
        path, lambda: official_files(ours, folder, True)
    )


def _runs(folder: Path) -> Opened:
    """All files of a run, which a report is made of."""
    items = geneval.items(folder)[:2]
    facts = of_trees({1: TurnFolder(folder / "trees")}, "theirs") | {"series": ["direct"]}
    run = BenchRun.begin(folder, GENEVAL, items, 2, facts)
    run.evidence({"name": "x"}).add([geneval.hearing(one, [geneval.CUP]) for one in items], {})
    cost = PictureCost(0.5, 10, 3)
    run.drawn()["direct"].add([DrawnEpisode("00000", 0, {1: "a"}, {1: "b"}, {1: cost})], {"b": RED})

    def read() -> object:
        sections = sections_of([folder])
        return page(sections), markdown(sections)

    return in_each([*folder.glob("*.json"), *folder.glob("*.jsonl")], read)


def _speeds(folder: Path) -> Opened:
    path = folder / "run.json"
    phase = {"wall": 0.5, "cpu": 0.4}
    run = {
        "kernel_calls": {"drawing": 10},
        "of_limit": {"text": 0.5, "drawing": 0.25},
        "phases": {"text": phase, "drawing": phase},
        "peak_bytes": 1000,
    }
    return [as_json(run)], as_file(path, lambda: compared(read_run(path), run))


def _judges_answers(folder: Path) -> Opened:
    samples = (
        *(b"Consistency: 2\nRealism: 1\nAesthetic Quality: 1", b"<think>no</think>Score: 1"),
        *(b"1. yes\n2. no", b'{"score": 1}', b"The text reads: Hello, World!"),
    )

    def read(data: bytes) -> object:
        text = data[:65_536].decode("utf-8", "replace")
        found: list[Any] = [without_thoughts(text), bagel_value({"answer": text})]
        found.append(Lettering.of("Hello, World!", text[:300]))
        for one in (read_legacy, read_verified, lambda said: read_answers(said, 2)):
            with suppress(ValueError):
                found.append(one(text))
        return found

    return list(samples), read


def _judge_settings(folder: Path) -> Opened:
    samples = ({"model": "m", "max_tokens": "100", "extra": '{"a": {"b": 1}}'}, {"key_env": "none"})

    def read(data: bytes) -> object:
        content = json.loads(data) if len(data) < 10_000 else None
        if not isinstance(content, dict):
            raise ValueError("no settings")
        given = {name: one if isinstance(one, str) else json.dumps(one) for name, one in content.items()}
        options = JudgeOptions(folder, folder, given)
        with suppress(ValueError):
            read_settings(options, "model")
        settings = vlm_settings(options, {"model": "m"})
        return settings.endpoint(options), settings.identity("x", {})

    return [as_json(one) for one in samples], read


class _Said(BaseHTTPRequestHandler):
    """Answers whatever it is to say to anything."""

    said, status = b"", 200

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.said)))
        self.end_headers()
        self.wfile.write(self.said)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def _scorers_answers(folder: Path) -> Opened:
    server = HTTPServer(("127.0.0.1", 0), _Said)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    about = {"benchmark": "colours", "version": 3, "identity": {"name": "x"}, "dimensions": ["style"]}
    row = {"picture": 0, "question": "colour", "evidence": {"seen": [255, 0, 0]}, "status": "ok", "judge": {}}
    _Said.said = as_json(about)
    judge, encoders = RemoteJudge(address, "colours", 3), RemoteEncoders(address)
    shown = Shown(Item("0", "red", (1,)), 1, {0: ShownPicture(RED)})

    def read(data: bytes) -> object:
        _Said.said, _Said.status = data, 500
        found = list(judge.hear([shown]))
        _Said.status = 200
        found += judge.hear([shown])
        for ask in (
            lambda: RemoteJudge(address, "colours", 3),
            lambda: RemoteEncoders(address).dimensions,
            lambda: encoders.style(RED, "x"),
            lambda: encoders.reasoning(RED, "x"),
        ):
            with suppress(ValueError):
                ask()
        return found

    return [as_json(about), as_json({"rows": [row]}), as_json({"value": {"csd": [0.5]}})], read


def _scorers_questions(folder: Path) -> Opened:
    """What a process that judges is asked."""
    server = judge_server(COLOURS, ColourJudge(), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = ScorerClient(f"http://127.0.0.1:{server.server_port}")
    item: Mapping[str, Any] = {"id": "0", "prompt": "red", "seeds": [1], "facts": {}}
    asked = {"item": item, "turn": 1, "pictures": {"0": b64encode(RED).decode()}}

    def read(data: bytes) -> object:
        try:
            return client.exchange(HEAR, data)
        except ScorerFailed as refused:
            if "status 400" in str(refused):
                raise ValueError(str(refused)) from refused
            raise

    return [as_json(asked)], read


PARSERS = (
    Parser("GenEval prompts", _geneval),
    Parser("GenEval 2 prompts", _geneval2),
    Parser("GenAI prompts", _genai),
    Parser("WISE prompts", _wise),
    Parser("TIIF prompts", _tiif),
    Parser("OneIG prompts", _oneig),
    Parser("official sources", _sources),
    Parser("official trees", _trees),
    Parser("results of official code", _official_results),
    Parser("hashes of first fetches", _first_fetch),
    Parser("benchmark runs", _runs),
    Parser("speeds", _speeds),
    Parser("judges' answers", _judges_answers),
    Parser("judges' settings", _judge_settings),
    Parser("scorers' answers", _scorers_answers),
    Parser("scorers' questions", _scorers_questions),
)
