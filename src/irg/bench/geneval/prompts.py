"""GenEval's prompts: 553 lines, each a sentence with what has to be in the picture."""

from pathlib import Path

from irg.bench.items import Item, seeds_of
from irg.core.files import parse_json, read_lines
from irg.scorers.geneval.asked import check_facts

PROMPTS_FILE, LONG_FILE = "evaluation_metadata.jsonl", "evaluation_metadata_long.jsonl"
PICTURES = 4


def read_prompts(path: Path, benchmark: str) -> list[Item]:
    """The items of a file, numbered by line; the facts of each are its line. Raises ValueError for what is no
    such file."""
    items = []
    for number, line in enumerate(read_lines(path)):
        where = f"{path}, line {number + 1}"
        facts = parse_json(line, where)
        check_facts(facts, where)
        name = f"{number:05d}"
        items.append(Item(name, facts["prompt"], seeds_of(benchmark, name, PICTURES), facts))
    return items
