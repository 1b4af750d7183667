"""Prompts of GenAI-Bench's form, of no part of its data."""

import json
from pathlib import Path

from irg.bench.genai.prompts import PROMPTS_FILE, SKILLS_FILE, read_prompts
from irg.bench.genai.skills import GROUPS
from irg.bench.items import Item

TEXTS = {"00000": "a red cup", "00001": "two dogs", "00002": "no cat", "00003": "of no skill"}
TAGGED = {"basic": [0, 1], "attribute": [0], "scene": [0, 1], "advanced": [2], "negation": [2]}


def write_prompts(folder: Path) -> Path:
    skills = {skill: TAGGED.get(skill, []) for group in GROUPS.values() for skill in group}
    prompts = {name: {"id": name, "prompt": text, "models": {}} for name, text in TEXTS.items()}
    (folder / PROMPTS_FILE).write_text(json.dumps(prompts))
    (folder / SKILLS_FILE).write_text(json.dumps(skills))
    return folder


def items(folder: Path) -> list[Item]:
    return read_prompts(write_prompts(folder), "genai-bench")
