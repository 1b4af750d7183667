"""OneIG-Bench in English as a benchmark."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from irg.bench.items import Item
from irg.bench.official import Wanted, official_texts
from irg.bench.oneig.dimensions import FIVE
from irg.bench.oneig.grids import TileGrid
from irg.bench.oneig.items import ALIGNED, ANSWERS, CLASSES, NAME, PROMPTS, TEXTS, oneig_items, questions_file
from irg.bench.oneig.judge import VERSION, Encoders, OneigJudge, asking
from irg.bench.oneig.official import PROGRAM
from irg.bench.oneig.remote import RemoteEncoders
from irg.bench.oneig.scores import DIMENSIONS
from irg.bench.oneig.styles import STYLE_ENCODER, StyleEncoders
from irg.bench.oneig.summary import summary_of_all, summary_of_dimension
from irg.bench.protocol import Benchmark, Judge, JudgeOptions, OfficialFile
from irg.bench.tree import MODEL, OfficialTree, PictureFile
from irg.bench.vlm import VlmSettings
from irg.core.settings import checked

SCRIPT = "scripts/utils/inference.py"
_AT = (
    "https://raw.githubusercontent.com/OneIG-Bench/OneIG-Benchmark/41b49831e79e6dde5323618c164da1c4cf0f699d/"
)
_HUB = "hf://datasets/OneIG-Bench/OneIG-Bench@main/"
WANTED = {
    "question": Wanted(
        "question about alignment",
        "6372d16179133122564ecb3d2e6022ad7c65c265522eb31d2a8dea7b81c5d0af",
        lambda text: text.places == {"question"},
    ),
    "reading": Wanted(
        "order to read",
        "10c070ac876c07e1280492dae0c3dffa453bda1fcb9bb3e03f57e7c573fa3714",
        lambda text: text.near == "TEXT_PROMPT",
    ),
}
_HASHES = {
    "anime": "21ea3d0360e69d72bc5f4cbb93b203d293d16f5c2f626634a52b990119e0a6e3",
    "human": "0e92b25c6bc4091cac05fa0f4269b3b37465a7cd43ca2768f55f56149cdbf13b",
    "object": "350dfdf72c2da143c78a7544d4c554faf6698c1ba4fcd27c7a9cc9199d487e0e",
}


class OneigSettings(VlmSettings):
    """The model that answers and reads, as a server of vLLM has it; the dimensions that are judged, and the
    address of a process that embeds."""

    model: str = Field(default="Qwen/Qwen2.5-VL-7B-Instruct", min_length=1)
    dimensions: tuple[str, ...] = DIMENSIONS
    encoders: str | None = None
    styles: Path | None = None
    """The official repository's `scripts/style`, for style encoders in this process."""
    style_encoder: str = STYLE_ENCODER
    device: str | None = None

    @field_validator("dimensions", mode="before")
    @classmethod
    def _are_known(cls, value: Any) -> Any:
        names = tuple(value.split(",")) if isinstance(value, str) else value
        if unknown := set(names) - set(DIMENSIONS):
            raise ValueError(f"{', '.join(sorted(unknown))}: expected of {','.join(DIMENSIONS)}")
        return names


@contextmanager
def _judge(options: JudgeOptions) -> Iterator[Judge]:
    settings = checked(OneigSettings, dict(options.settings), "--judge")
    texts = official_texts(options.sources / SCRIPT, WANTED, settings.modified_templates)
    encoders: list[Encoders] = []
    if settings.encoders is not None:
        encoders.append(RemoteEncoders(settings.encoders))
    if settings.styles is not None:
        encoders.append(StyleEncoders(settings.styles, settings.style_encoder, settings.device))
    yield OneigJudge(asking(settings, texts, options, settings.dimensions), encoders, settings.dimensions)


def _files(item: Item) -> list[PictureFile]:
    path = f"{item.facts['class']}/{MODEL}/{item.facts['number']}"
    return [PictureFile(path, tuple(range(len(item.seeds))), grid=TileGrid())]


def _source(path: str, digest: str | None = None) -> OfficialFile:
    return OfficialFile(path, _AT + path, digest)


ONEIG = Benchmark(
    name=NAME,
    version=VERSION,
    words="alignment, text, reasoning, style and diversity, four pictures for each of 1,120 prompts",
    items=oneig_items,
    judge=_judge,
    summaries={"overall": summary_of_all} | {one.name: summary_of_dimension(one) for one in FIVE},
    tree=OfficialTree(
        _files,
        rf"({'|'.join(CLASSES.values())})/{MODEL}/\d+",
        (".webp", ".png", ".jpg", ".jpeg"),
        model_part=1,
    ),
    sources=(
        OfficialFile(
            PROMPTS,
            _HUB + PROMPTS,
            "e06c65b32252d82406fb1a27f13022b38d432c899a2486eb49ab0c100f83b3e1",
        ),
        _source(TEXTS, "ffbf0b588c617b77caf1e9a733496ff5b4704b6534df5fba13201a83f21e0512"),
        _source(ANSWERS),
        *(_source(questions_file(kind), _HASHES[kind]) for kind in ALIGNED),
        _source(SCRIPT),
    ),
    program=PROGRAM,
    digits=3,
)
