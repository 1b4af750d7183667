"""GenEval 2, by the questions to Qwen3-VL of its authors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from irg.bench.geneval2.official import PROGRAM
from irg.bench.geneval2.prompts import BENCHMARK, PROMPTS_FILE, read_prompts
from irg.bench.geneval2.summary import SUMMARIES
from irg.bench.items import Item
from irg.bench.protocol import Benchmark, Judge, JudgeOptions, OfficialFile
from irg.bench.settings import DEVICE, judge_of_models
from irg.bench.tree import OfficialTree, PictureFile

VERSION = 1
PATHS_FILE = "image_paths.json"
"""By prompt the picture's path, as the official script is told it; the name is ours."""
_PROMPTS = OfficialFile(
    PROMPTS_FILE,
    "https://raw.githubusercontent.com/facebookresearch/GenEval2/a6e82d2289e8d418f27f0adee77908b07060eea3/"
    "geneval2_data.jsonl",
    "09233adbc9f877fba205f1a20efa4a8640e7e62a91dfd55893562bed8a928e43",
)


def files_of(item: Item) -> Sequence[PictureFile]:
    return [PictureFile(item.id)]


def texts_of(items: Sequence[Item]) -> Mapping[str, str]:
    return {PATHS_FILE: json.dumps({item.prompt: f"{item.id}.png" for item in items}, indent=1)}


def items(folder: Path) -> list[Item]:
    return read_prompts(folder / PROMPTS_FILE)


def _load(given: Mapping[str, str]) -> Judge:
    from irg.bench.geneval2.judge import SoftTifaJudge
    from irg.scorers.first_words import USUAL_FIRST_WORDS, FirstWords

    return SoftTifaJudge(FirstWords.load(given.get("model", USUAL_FIRST_WORDS), given.get(DEVICE)))


@contextmanager
def judge(options: JudgeOptions) -> Iterator[Judge]:
    yield judge_of_models(options, ("model",), _load)


GENEVAL2 = Benchmark(
    name=BENCHMARK,
    version=VERSION,
    words="800 prompts of 3 to 10 atoms, by Soft-TIFA",
    items=items,
    judge=judge,
    summaries=SUMMARIES,
    tree=OfficialTree(files_of, r"\d+", (".png", ".jpg", ".jpeg", ".webp"), texts_of),
    sources=(_PROMPTS,),
    program=PROGRAM,
    scale=100.0,
)
