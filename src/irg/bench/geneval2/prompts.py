"""GenEval 2's prompts: 800 lines, each a sentence with a question for each of its atoms."""

from pathlib import Path
from typing import Any

from irg.bench.geneval2.answers import ATOMICITIES, SKILLS
from irg.bench.items import Item, seeds_of
from irg.core.files import parse_json, read_lines

PROMPTS_FILE = "geneval2_data.jsonl"
BENCHMARK = "geneval2"


def read_prompts(path: Path) -> list[Item]:
    """The items of a file, numbered by line. Raises ValueError for what is no such file."""
    lines = read_lines(path)
    return [
        item_of(number, parse_json(line, f"{path}, line {number + 1}"), str(path))
        for number, line in enumerate(lines)
    ]


def item_of(number: int, record: Any, where: str) -> Item:
    """The item of a record of the file. Raises ValueError, which begins with `where`, for what is none."""
    where = f"{where}, line {number + 1}"
    if not isinstance(record, dict) or not isinstance(record.get("prompt"), str):
        raise ValueError(f"{where}: expected a prompt with its questions")
    questions, skills = record.get("vqa_list"), record.get("skills")
    if not isinstance(questions, list) or not questions or not isinstance(skills, list):
        raise ValueError(f"{where}: expected lists of questions (vqa_list) and of skills")
    if len(questions) != len(skills):
        raise ValueError(
            f"{where}: {len(skills)} skills of {len(questions)} questions: expected one for each"
        )
    for pair in questions:
        if not isinstance(pair, list) or [type(one) for one in pair] != [str, str]:
            raise ValueError(f"{where}: {pair!r}: expected a question and its answer")
    if unknown := [skill for skill in skills if skill not in SKILLS]:
        raise ValueError(f"{where}: skill {unknown[0]!r}: expected one of {', '.join(SKILLS)}")
    if (atoms := record.get("atom_count")) not in ATOMICITIES:
        raise ValueError(f"{where}: atom_count {atoms!r}: expected {ATOMICITIES[0]} to {ATOMICITIES[-1]}")
    name = f"{number:04d}"
    facts = {"atoms": atoms, "questions": questions, "skills": skills}
    return Item(name, record["prompt"], seeds_of(BENCHMARK, name, 1), facts)


def question_of(item: Item, index: int) -> str:
    """The name of a question of an item, in evidence."""
    return f"{index:02d} {item.facts['questions'][index][0]}"
