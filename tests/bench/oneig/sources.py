"""Files of the form of OneIG's official ones, with words of our own."""

import csv
import json
from pathlib import Path

from irg.bench.oneig.benchmark import SCRIPT
from irg.bench.oneig.items import ANSWERS, PROMPTS, TEXTS, questions_file

SCRIPT_TEXT = """
class Inferencer:
    def __init__(self):
        self.TEXT_PROMPT = ("Read the " "picture.")

    def infer_semantic(self, images_path, question):
        return {"type": "text", "text": f"{question} Yes or no?"}
"""
ROWS = [
    ("Anime_Stylization", "000", "a girl", "T, P", "long", ""),
    ("Anime_Stylization", "001", "a painted girl", "NP", "short", "Chinese ink painting"),
    ("Portrait", "000", "a man", "NP", "middle", ""),
    ("General_Object", "000", "a cup", "NP", "short", ""),
    ("Text_Rendering", "000", 'a sign that says "Hello, World!"', "NP", "short", "poster design"),
    ("Knowledge_Reasoning", "000", "why it rains", "NP", "short", "physics"),
]
QUESTIONS = {
    "question": json.dumps({"1": "Is it there?", "2": "Is it red?"}),
    "dependency": '{"1": [0], "2": [1]}',
}


def _table(path: Path, head: list[str], rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def write_sources(folder: Path) -> Path:
    """Six prompts, of all classes and one with a style."""
    _table(folder / PROMPTS, ["category", "id", "prompt_en", "type", "prompt_length", "class"], ROWS)
    texts = [("0", "000", "p", "['Hello, World!']")]
    _table(folder / TEXTS, ["", "id", "prompt_en", "text_content"], texts)
    contents = {
        ANSWERS: json.dumps({"000": "Because of clouds."}),
        questions_file("anime"): json.dumps({"000": QUESTIONS, "001": QUESTIONS}),
        questions_file("human"): json.dumps({"000": QUESTIONS}),
        questions_file("object"): json.dumps({"000": QUESTIONS}),
        SCRIPT: SCRIPT_TEXT,
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder
