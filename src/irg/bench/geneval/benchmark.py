"""GenEval, with the prompts of its authors or the long ones that BAGEL's evaluation rewrote them to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from irg.bench.geneval.prompts import LONG_FILE, PROMPTS_FILE, read_prompts
from irg.bench.geneval.summary import summarise
from irg.bench.items import Item
from irg.bench.protocol import Benchmark, Judge, JudgeOptions, OfficialFile
from irg.bench.settings import read_settings
from irg.bench.tree import OfficialTree, PictureFile

_PROMPTS = OfficialFile(
    PROMPTS_FILE,
    "https://raw.githubusercontent.com/djghosh13/geneval/af4902f24d3ca90ebbb446dd9891a59e0f82725f/prompts/"
    "evaluation_metadata.jsonl",
    "5c48e0813e812e3c373fa5c8ed07a8f0a483be30272b4427b0559c8048e67c13",
)
_LONG_PROMPTS = OfficialFile(
    LONG_FILE,
    "https://raw.githubusercontent.com/ByteDance-Seed/Bagel/main/eval/gen/geneval/prompts/"
    "evaluation_metadata_long.jsonl",
)


def files_of(item: Item) -> Sequence[PictureFile]:
    return [PictureFile(f"{item.id}/samples/{number:05d}", (number,)) for number in range(len(item.seeds))]


def texts_of(items: Sequence[Item]) -> Mapping[str, str]:
    """Beside the samples of each prompt its line, which is what the official scorer reads."""
    return {f"{item.id}/metadata.jsonl": json.dumps(dict(item.facts)) for item in items}


@contextmanager
def judge(options: JudgeOptions) -> Iterator[Judge]:
    from irg.bench.geneval.judge import GenevalJudge
    from irg.scorers.clip import USUAL_CLIP, Clip
    from irg.scorers.detector import USUAL_DETECTOR, InstanceDetector

    given = read_settings(options, "detector", "clip", "device")
    device = given.get("device")
    yield GenevalJudge(
        InstanceDetector.load(given.get("detector", USUAL_DETECTOR), device),
        Clip.load(given.get("clip", USUAL_CLIP), device),
    )


def _benchmark(name: str, words: str, source: OfficialFile) -> Benchmark:
    def items(folder: Path) -> list[Item]:
        return read_prompts(folder / source.path, name)

    return Benchmark(
        name=name,
        version=1,
        words=words,
        items=items,
        judge=judge,
        summaries={"official": summarise},
        tree=OfficialTree(files_of, r"\d+/samples/\d+", (".png",), texts_of, any_padding=True),
        sources=(source,),
    )


GENEVAL = _benchmark("geneval", "objects, counts, colours and places in 553 short prompts", _PROMPTS)
GENEVAL_LONG = _benchmark("geneval-long", "GenEval with BAGEL's rewritten, longer prompts", _LONG_PROMPTS)
