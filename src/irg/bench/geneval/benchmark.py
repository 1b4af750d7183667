"""GenEval, with the prompts of its authors or the long ones that BAGEL's evaluation rewrote them to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from irg.bench.geneval.official import PROGRAM
from irg.bench.geneval.prompts import LONG_FILE, PROMPTS_FILE, read_prompts
from irg.bench.geneval.summary import summarise
from irg.bench.geneval.tree import TREE
from irg.bench.items import Item
from irg.bench.protocol import Benchmark, Judge, JudgeOptions, OfficialFile
from irg.bench.settings import DEVICE, judge_of_models

VERSION = 1
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


def _load(given: Mapping[str, str]) -> Judge:
    from irg.bench.geneval.judge import GenevalJudge
    from irg.scorers.clip import USUAL_CLIP, Clip
    from irg.scorers.detector import USUAL_DETECTOR, InstanceDetector

    device = given.get(DEVICE)
    return GenevalJudge(
        InstanceDetector.load(given.get("detector", USUAL_DETECTOR), device),
        Clip.load(given.get("clip", USUAL_CLIP), device),
    )


@contextmanager
def _judge(options: JudgeOptions) -> Iterator[Judge]:
    yield judge_of_models(options, ("detector", "clip"), _load)


def _benchmark(name: str, words: str, source: OfficialFile) -> Benchmark:
    def items(folder: Path) -> list[Item]:
        return read_prompts(folder / source.path, name)

    return Benchmark(
        name=name,
        version=VERSION,
        words=words,
        items=items,
        judge=_judge,
        summaries={"official": summarise},
        tree=TREE,
        sources=(source,),
        program=PROGRAM,
    )


GENEVAL = _benchmark("geneval", "objects, counts, colours and places in 553 short prompts", _PROMPTS)
GENEVAL_LONG = _benchmark("geneval-long", "GenEval with BAGEL's rewritten, longer prompts", _LONG_PROMPTS)
