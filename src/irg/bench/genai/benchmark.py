"""GenAI-Bench with all its 1,600 prompts, or the 527 that were published first."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from irg.bench.genai.official import PROGRAM
from irg.bench.genai.prompts import PROMPTS_FILE, SKILLS_FILE, read_prompts
from irg.bench.genai.summary import summarise
from irg.bench.items import Item
from irg.bench.protocol import Benchmark, Judge, JudgeOptions, OfficialFile, OfficialProgram
from irg.bench.settings import DEVICE, judge_of_models
from irg.bench.tree import OfficialTree, PictureFile

VERSION = 1
_ALL = "hf://datasets/BaiqiL/GenAI-Bench-1600@main/"
_FIRST = "hf://datasets/zhiqiulin/GenAI-Bench-527@main/"


def files_of(item: Item) -> Sequence[PictureFile]:
    return [PictureFile(item.id)]


def _load(given: Mapping[str, str]) -> Judge:
    from irg.bench.genai.judge import VqaScoreJudge
    from irg.scorers.vqascore import USUAL_VQASCORE, VqaScore

    return VqaScoreJudge(VqaScore.load(given.get("vqascore", USUAL_VQASCORE), given.get(DEVICE)))


@contextmanager
def _judge(options: JudgeOptions) -> Iterator[Judge]:
    yield judge_of_models(options, ("vqascore",), _load)


def _benchmark(
    name: str, words: str, sources: tuple[OfficialFile, ...], program: OfficialProgram | None = None
) -> Benchmark:
    def items(folder: Path) -> list[Item]:
        return read_prompts(folder, name)

    return Benchmark(
        name=name,
        version=VERSION,
        words=words,
        items=items,
        judge=_judge,
        summaries={"vqascore": summarise},
        tree=OfficialTree(files_of, r"\d+", (".jpeg", ".jpg", ".png")),
        sources=sources,
        program=program,
    )


GENAI_BENCH = _benchmark(
    "genai-bench",
    "1,600 prompts of ten skills, by VQAScore",
    (OfficialFile(PROMPTS_FILE, _ALL + PROMPTS_FILE), OfficialFile(SKILLS_FILE, _ALL + SKILLS_FILE)),
    PROGRAM,
)
GENAI_BENCH_527 = _benchmark(
    "genai-bench-527",
    "the first 527 prompts of GenAI-Bench, by VQAScore",
    (
        OfficialFile(
            PROMPTS_FILE,
            _FIRST + PROMPTS_FILE,
            "1fa11d12191cee24c3cf8511e54407ce752754151e7fb23830cd1d73bc924f3c",
        ),
        OfficialFile(
            SKILLS_FILE,
            _FIRST + SKILLS_FILE,
            "f68a544fb8929d031e15be68df8320455202cac1b08246864abd12add2122b7b",
        ),
    ),
)
