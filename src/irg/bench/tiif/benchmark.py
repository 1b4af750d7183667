"""TIIF-Bench as a benchmark: an item for each prompt and length, one question to the judge for each picture.

The judge is sampled at a temperature of 1, and one of three templates is drawn for every attempt: what it
said is the record of a draw, kept for this picture of this turn alone, and never taken for another's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import quote

from irg.bench.asking import AskingJudge, Question
from irg.bench.items import Item, seeds_of
from irg.bench.official import OfficialText, Wanted, official_texts
from irg.bench.protocol import Benchmark, Judge, JudgeOptions, OfficialFile, Shown, ShownPicture
from irg.bench.tiif.answers import fill, read_answers
from irg.bench.tiif.groups import LENGTHS, TYPES
from irg.bench.tiif.hashes import HASHES
from irg.bench.tiif.official import PROGRAM, SCRIPT
from irg.bench.tiif.summary import ANSWERS, summary
from irg.bench.tree import MODEL, OfficialTree, PictureFile
from irg.bench.vlm import VlmSettings, vlm_settings
from irg.core.digest import digest_of
from irg.core.files import parse_json, read_lines
from irg.endpoint import ChatRequest, Message

NAME, VERSION = "tiif", 1
_AT = "https://raw.githubusercontent.com/A113N-W3I/TIIF-Bench/main/"
_TEMPLATES = ("first", "second", "third")
WANTED = {
    "system": Wanted(
        "system text",
        "84fd78b891828c5a83e90b5ca8e145650e47faa44f8d282674759ba1d74bf943",
        lambda text: text.near == "system_message",
    )
} | {
    name: Wanted(f"{name} template", digest, partial(lambda near, text: text.near == near, near))
    for name, near, digest in (
        ("first", "raw_prompt", "d31a2a63260a75b36ebfe6d80e75a77206adb3c1c2c01d07e6d10ae6c8b90743"),
        ("second", "raw_prompt_1", "d8dc329af43e1ea1d1eba1b583fbc4f0e62be0231471750c62abe7fa59cf78e1"),
        ("third", "raw_prompt_2", "642193592eea8991999b68fedf3d11e88bb709674753d755a9055c359eac7084"),
    )
}
JUDGE: dict[str, Any] = {
    "model": "gpt-4o",
    "base_url": "https://api.openai.com/v1",
    "key_env": "OPENAI_API_KEY",
    "temperature": 1.0,
    # The official request has no bound; a budget needs one, and no answer comes near it.
    "max_tokens": 4096,
    # The official code asks until it can read an answer.
    "readings": 10,
}


def prompts_file(kind: str) -> str:
    return f"data/testmini_prompts/{kind}_prompts.jsonl"


def questions_file(kind: str) -> str:
    return f"data/testmini_eval_prompts/{kind}_eval_prompts.jsonl"


def tiif_items(folder: Path) -> list[Item]:
    """Each prompt of the 39 types in its short and its long form; rows of prompts and of questions go
    together by line. Raises ValueError for files that are not so."""
    items = []
    for kind in TYPES:
        prompts, questions = (_lines(folder / name(kind)) for name in (prompts_file, questions_file))
        if len(prompts) != len(questions):
            raise ValueError(f"{folder}: {kind} has {len(prompts)} prompts, questions about {len(questions)}")
        for line, ((prompt, where), (asked, _)) in enumerate(zip(prompts, questions, strict=True)):
            texts, answers = asked.get("yn_question_list"), asked.get("yn_answer_list")
            if not _are_texts(texts) or not _are_texts(answers) or len(texts) != len(answers):
                raise ValueError(f"{where}: expected texts, as many yn_answer_list as yn_question_list")
            for length in LENGTHS:
                words = prompt.get(f"{length}_description")
                if not isinstance(words, str) or prompt.get("type") != kind or asked.get("type") != kind:
                    raise ValueError(f"{where}: expected a {length}_description of type {kind}")
                name = f"{kind}-{length}-{line}"
                facts = {"type": kind, "length": length, "line": line, "questions": texts, "answers": answers}
                items.append(Item(name, words, seeds_of(NAME, name, 1), facts))
    return items


def _are_texts(found: Any) -> TypeGuard[list[str]]:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _lines(path: Path) -> list[tuple[dict[str, Any], str]]:
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            row = parse_json(line, where)
            if not isinstance(row, dict):
                raise ValueError(f"{where} is no object")
            rows.append((row, where))
    return rows


@contextmanager
def _judge(options: JudgeOptions) -> Iterator[Judge]:
    settings = vlm_settings(options, JUDGE)
    texts = official_texts(options.sources / SCRIPT, WANTED, settings.modified_templates)
    yield tiif_judge(settings, texts, options)


def tiif_judge(
    settings: VlmSettings, texts: Mapping[str, OfficialText], options: JudgeOptions
) -> AskingJudge:
    """Asks all questions about a picture at once."""

    def questions(shown: Shown) -> list[Question]:
        count = len(shown.item.facts["questions"])
        return [
            Question(
                number, ANSWERS, partial(_request, shown, number, texts, settings), partial(_read, count)
            )
            for number in shown.pictures
        ]

    identity = settings.identity(f"{NAME}@{VERSION}", {name: text.sha256 for name, text in texts.items()})
    return AskingJudge(settings.endpoint(options), identity, questions, settings.readings)


def _request(
    shown: Shown, number: int, texts: Mapping[str, OfficialText], settings: VlmSettings, attempt: int
) -> ChatRequest:
    """Of the template that is drawn for this picture and attempt: gone on with, a run draws the same."""
    picture = shown.pictures[number]
    chosen = texts[drawn(shown, picture, number, attempt)]
    place = f"{shown.item.id}/{shown.turn}/{number}/{attempt}"
    label = f"{NAME}@{VERSION} {chosen.sha256[:12]} {settings.revision} {place}"
    messages = (
        Message("system", (texts["system"].fill({}),)),
        Message("user", (fill(chosen.fill({}), shown.item.facts["questions"]), picture)),
    )
    return ChatRequest(messages, settings.max_tokens, label, settings.temperature)


def drawn(shown: Shown, picture: ShownPicture, number: int, attempt: int) -> str:
    """The name of a template."""
    chance = int(digest_of(NAME, shown.item.id, shown.turn, picture.sha256, number, attempt)[:8], 16)
    return _TEMPLATES[chance % len(_TEMPLATES)]


def _read(num_questions: int, text: str) -> dict[str, Any]:
    return {"answers": read_answers(text, num_questions)}


def _sources() -> Iterator[OfficialFile]:
    for kind, hashes in HASHES.items():
        for path, digest in zip((prompts_file(kind), questions_file(kind)), hashes, strict=True):
            yield OfficialFile(path, _AT + quote(path), digest)
    yield OfficialFile(SCRIPT, _AT + SCRIPT)


def _files(item: Item) -> list[PictureFile]:
    kind, length, line = (item.facts[name] for name in ("type", "length", "line"))
    return [PictureFile(f"{kind}/{MODEL}/{length}_description/{line}")]


TIIF = Benchmark(
    name=NAME,
    version=VERSION,
    words="how well 277 instructions of 39 types are followed, short and long, by yes-or-no questions",
    items=tiif_items,
    judge=_judge,
    summaries={length: summary(length) for length in LENGTHS},
    tree=OfficialTree(
        _files,
        rf"[^/]+/{MODEL}/(short|long)_description/\d+",
        (".png", ".jpg", ".jpeg", ".webp"),
        model_part=1,
    ),
    sources=tuple(_sources()),
    program=PROGRAM,
    digits=2,
    scale=100.0,
)
