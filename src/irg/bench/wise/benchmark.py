"""WISE as benchmarks: the items of its editions, the question to the judge, and scores of what it says."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from irg.bench.asking import AskingJudge, Question
from irg.bench.figures import summary_of
from irg.bench.items import Item, seeds_of
from irg.bench.official import OfficialText, Wanted, official_texts
from irg.bench.protocol import (
    Benchmark,
    Hearings,
    Judge,
    JudgeOptions,
    OfficialFile,
    Sample,
    Shown,
    Summarise,
    Summary,
    missing_pictures,
)
from irg.bench.tree import OfficialTree, PictureFile
from irg.bench.vlm import VlmSettings, vlm_settings
from irg.bench.wise.answers import LEGACY as PARTS
from irg.bench.wise.answers import UNREAD, bagel_scores, legacy_scores, verified_score, without_thoughts
from irg.bench.wise.editions import LEGACY, PLAIN, VERIFIED, Edition, binary, wiscore
from irg.bench.wise.files import SCORES, result_files
from irg.bench.wise.official import legacy_program, verified_program
from irg.core.files import parse_json, read_text
from irg.core.picture import Picture
from irg.endpoint import ChatRequest, Message
from irg.endpoint.structured import UnfitAnswerError

_AT = "https://raw.githubusercontent.com/PKU-YuanGroup/WISE/eb51174483a5de2e34e8614cf9dfb3319ee7fcd0/"
_FIELDS = {"Prompt": str, "Explanation": str, "Category": str, "Subcategory": str, "prompt_id": int}
Read = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Protocol:
    """What sets one edition's benchmark apart: its files, its judge by default, and how answers are read."""

    name: str
    edition: Edition
    sources: tuple[OfficialFile, ...]
    script: str
    """The official file that holds the templates; all others are prompts."""
    templates: Mapping[str, Wanted]
    judge: Mapping[str, Any]
    read: Read

    @property
    def prompts(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.sources if file.path != self.script)

    def items(self, folder: Path) -> list[Item]:
        """All prompts by their ids. Raises ValueError for a file that is none of WISE."""
        records = [(record, where) for path in self.prompts for record, where in _records(folder / path)]
        return wise_items(records, self.name, self.edition)

    @contextmanager
    def judged_by(self, options: JudgeOptions) -> Iterator[Judge]:
        settings = vlm_settings(options, self.judge)
        texts = official_texts(options.sources / self.script, self.templates, settings.modified_templates)
        yield wise_judge(self, settings, texts, options)


def wise_items(records: Sequence[tuple[Any, str]], name: str, edition: Edition) -> list[Item]:
    """Items of records, each with where it stands, in the order of their ids.

    The picture's seed is known by the benchmark and the id. Raises ValueError.
    """
    found: dict[int, Item] = {}
    for record, where in records:
        if not isinstance(record, dict) or any(
            not isinstance(record.get(field), kind) for field, kind in _FIELDS.items()
        ):
            raise ValueError(f"{where}: expected a record with {', '.join(_FIELDS)}")
        number = record["prompt_id"]
        category = edition.category_of(number)
        if category is None:
            raise ValueError(f"{where}: prompt_id {number}, expected 1 to {edition.ids[-1]}")
        facts = {
            "explanation": record["Explanation"],
            "category": category,
            "subcategory": record["Subcategory"],
        }
        item = Item(str(number), record["Prompt"], seeds_of(name, str(number), 1), facts)
        if found.setdefault(number, item) != item:
            raise ValueError(f"{where}: prompt_id {number} is another prompt's already")
    return [found[number] for number in sorted(found)]


def wise_judge(
    protocol: Protocol, settings: VlmSettings, texts: Mapping[str, OfficialText], options: JudgeOptions
) -> AskingJudge:
    """Asks about each picture by itself: a system text, then the user's text and the untouched picture."""
    hashes = {name: text.sha256 for name, text in texts.items()}
    label = f"{protocol.name}@{VERSION} {hashes['user'][:12]} {settings.revision}"

    def questions(shown: Shown) -> list[Question]:
        return [
            Question(
                number, SCORES, partial(_request, shown.item, picture, texts, settings, label), protocol.read
            )
            for number, picture in shown.pictures.items()
        ]

    identity = settings.identity(f"{protocol.name}@{VERSION}", hashes)
    return AskingJudge(settings.endpoint(options), identity, questions, settings.readings)


def _request(
    item: Item,
    picture: Picture,
    texts: Mapping[str, OfficialText],
    settings: VlmSettings,
    label: str,
    attempt: int,
) -> ChatRequest:
    """The same whatever the attempt."""
    asked = texts["user"].fill({"Prompt": item.prompt, "Explanation": item.facts["explanation"]})
    messages = (
        Message("system", (texts["system"].fill({}),), in_parts=True),
        Message("user", (asked, picture)),
    )
    return ChatRequest(messages, settings.max_tokens, label, settings.temperature)


def read_legacy(text: str) -> dict[str, Any]:
    scores = legacy_scores(text)
    if missing := [name for name in PARTS if name not in scores]:
        raise UnfitAnswerError(f"it has no {', '.join(missing)}")
    return dict(scores)


def read_verified(text: str) -> dict[str, Any]:
    score = verified_score(without_thoughts(text))
    if score is None:
        raise UnfitAnswerError("it has no score of 0 or 1")
    return {"score": score}


def bagel_value(evidence: Mapping[str, Any]) -> float | None:
    """The score as BAGEL's and IRG's script has it, which reads the answer in its own way."""
    scores = bagel_scores(evidence["answer"].strip())
    return None if UNREAD in scores.values() else wiscore(scores)


def summary(
    edition: Edition,
    variant: str,
    weights: Mapping[str, float],
    value: Callable[[Mapping[str, Any]], float | None],
) -> Summarise:
    """A variant: the weights of the categories, and what a picture's evidence is worth."""

    def summarise(items: Sequence[Item], heard: Hearings) -> Summary:
        samples, missing = [], missing_pictures(items, heard)
        for item in items:
            rows = heard[item.id].ok(0) if item.id in heard else {}
            if SCORES not in rows:
                continue
            score = value(rows[SCORES].evidence)
            if score is None:
                reason = "answer is not read by this variant"
                missing[reason] = missing.get(reason, 0) + 1
                continue
            right = score == 1 if edition is VERIFIED else None
            samples.append(Sample(item.id, 0, item.facts["category"], score, right))
        counts = Counter(item.facts["category"] for item in items)
        return summary_of(variant, samples, {name: counts[name] for name in weights}, weights, missing)

    return summarise


def _records(path: Path) -> Iterator[tuple[Any, str]]:
    records = parse_json(read_text(path), str(path))
    if not isinstance(records, list):
        raise ValueError(f"{path} holds {type(records).__name__}, expected a list of prompts")
    yield from ((record, f"{path}, record {number}") for number, record in enumerate(records))


def _templates(system: str, user: str) -> dict[str, Wanted]:
    return {
        "system": Wanted("system text", system, lambda text: text.near == "text" and not text.places),
        "user": Wanted("question", user, lambda text: text.places == {"Prompt", "Explanation"}),
    }


def _file(path: str, digest: str | None = None) -> OfficialFile:
    return OfficialFile(path, _AT + path, digest)


VERSION = 1
OF_2025 = Protocol(
    name="wise",
    edition=LEGACY,
    sources=(
        _file(
            "WISE_legacy/data/cultural_common_sense.json",
            "7a59216c768698280cea37caa574b52f3faf054d73b398b9bb6b3161baf8e3aa",
        ),
        _file(
            "WISE_legacy/data/spatio-temporal_reasoning.json",
            "e27d797885ad86e64d857d0cc93d33e04be572a8dcae95692a2c7e7876233f9a",
        ),
        _file(
            "WISE_legacy/data/natural_science.json",
            "b262fae58e413c7a4bd3c3d5a089f8c6529feac227e4b6606be261a949035544",
        ),
        _file("WISE_legacy/gpt_eval.py"),
    ),
    script="WISE_legacy/gpt_eval.py",
    templates=_templates(
        "1034e394de55d899eb78e5ad09835de551cefa5bfeb0ba4bf452c83f6285ffc0",
        "be45abe2bc1096587952a55b25364679760a5c75c98a218bd20f798ced1b621f",
    ),
    judge={
        "model": "gpt-4o-2024-05-13",
        "base_url": "https://api.openai.com/v1",
        "key_env": "OPENAI_API_KEY",
        "temperature": 0.0,
        "max_tokens": 2000,
    },
    read=read_legacy,
)
OF_2026 = Protocol(
    name="wise-verified",
    edition=VERIFIED,
    sources=(
        _file("data_verified/cultural_common_sense_verified.json", "23482925266e"),
        _file("data_verified/spatio-temporal_reasoning_verified.json", "42c0b9d82936"),
        _file("data_verified/natural_science_verified.json", "6f346c336f16"),
        _file("vllm_eval.py"),
    ),
    script="vllm_eval.py",
    templates=_templates(
        "c9b9e5e189408801a05c600dfc385addc37bb1ebe9b933c74202ea72eb415f8c",
        "3a2a86ff9512bdc80fe4de03156b61a956b48d0be9125042e141a7dc7bf73bb9",
    ),
    judge={
        "model": "Qwen3.5-35B-A3B",
        "temperature": 0.0,
        "max_tokens": 500,
        "extra": {"chat_template_kwargs": {"enable_thinking": False}},
    },
    read=read_verified,
)


def _benchmark(protocol: Protocol, words: str, summaries: Mapping[str, Summarise]) -> Benchmark:
    return Benchmark(
        name=protocol.name,
        version=VERSION,
        words=words,
        items=protocol.items,
        judge=protocol.judged_by,
        summaries=summaries,
        tree=OfficialTree(lambda item: [PictureFile(item.id)], r"\d+"),
        sources=protocol.sources,
        results=result_files(protocol.edition, [Path(path).stem for path in protocol.prompts]),
        program=legacy_program(protocol.script, protocol.prompts)
        if protocol.edition is LEGACY
        else verified_program(protocol.script),
    )


WISE = _benchmark(
    OF_2025,
    "world knowledge in 1,000 prompts, as of 2025: consistency, realism and aesthetic quality from 0 to 2",
    {
        "legacy-weighted": summary(LEGACY, "legacy-weighted", LEGACY.weights, wiscore),
        "legacy-plain-mean": summary(LEGACY, "legacy-plain-mean", PLAIN, bagel_value),
    },
)
WISE_VERIFIED = _benchmark(
    OF_2026,
    "world knowledge in 1,000 other prompts, as of 2026: right or wrong",
    {"verified": summary(VERIFIED, "verified", VERIFIED.weights, binary)},
)
