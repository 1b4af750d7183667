"""GenAI-Bench's prompts: one official file of texts, one of the prompts that count for each skill."""

import re
from pathlib import Path

from irg.bench.genai.skills import skills_of
from irg.bench.items import Item, seeds_of
from irg.core.files import read_json
from irg.core.settings import shown

PROMPTS_FILE, SKILLS_FILE = "genai_image.json", "genai_skills.json"


def read_prompts(folder: Path, benchmark: str) -> list[Item]:
    """The items under their official ids, each with the skills that it counts for, which may be none.

    Raises ValueError for files that are none of GenAI-Bench.
    """
    path = folder / PROMPTS_FILE
    skills = skills_of(read_json(folder / SKILLS_FILE), str(folder / SKILLS_FILE))
    items = []
    for name, content in read_json(path).items():
        text = content.get("prompt") if isinstance(content, dict) else None
        if not re.fullmatch(r"[0-9]{1,9}", name) or not isinstance(text, str):
            raise ValueError(f"{path}: {shown(name)}: expected a number, and a prompt for it")
        facts = {"skills": list(skills.pop(int(name), ()))}
        items.append(Item(name, text, seeds_of(benchmark, name, 1), facts))
    if skills:
        raise ValueError(
            f"{folder / SKILLS_FILE} names prompt {min(skills)}, which {path.name} does not hold"
        )
    return items
