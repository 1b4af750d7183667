"""Files of the form of TIIF's official ones, with words of our own."""

import json
from pathlib import Path

from irg.bench.tiif.benchmark import SCRIPT, prompts_file, questions_file
from irg.bench.tiif.groups import TYPES

SCRIPT_TEXT = '''
raw_prompt = """One:
##YNQuestions##
"""

raw_prompt_1 = """Two:
##YNQuestions##
"""

raw_prompt_2 = """Three:
##YNQuestions##
"""


def generate_with_prompt(prompt):
    system_message = "You look."
'''


def write_sources(folder: Path, lines: int = 1) -> Path:
    """So many prompts of each type, each with two questions, of which the second is to be answered no."""
    for kind in TYPES:
        numbers = range(lines)
        prompts = [
            {
                "type": kind,
                "short_description": f"{kind} {number}",
                "long_description": f"long {kind} {number}",
            }
            for number in numbers
        ]
        questions = [
            {"type": kind, "yn_question_list": [f"a {kind}? ", "b?"], "yn_answer_list": ["Yes", "no"]}
            for _ in numbers
        ]
        for name, rows in ((prompts_file(kind), prompts), (questions_file(kind), questions)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / SCRIPT).parent.mkdir(parents=True, exist_ok=True)
    (folder / SCRIPT).write_text(SCRIPT_TEXT)
    return folder
