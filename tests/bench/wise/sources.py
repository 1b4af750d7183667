"""Files of the form of WISE's official ones, with words of our own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from irg.bench.wise.benchmark import Protocol

SCRIPT = '''
def build_evaluation_messages(prompt_data, image_base64):
    return [
        {"role": "system", "content": [{"type": "text", "text": "You judge."}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "text",
                    "text": f"""Is it "{prompt_data['Prompt']}", that is "{prompt_data['Explanation']}"?""",
                },
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image_base64}"}},
            ],
        },
    ]
'''


def record(number: int) -> dict[str, Any]:
    return {
        "Prompt": f"p{number}",
        "Explanation": f"e{number}",
        "Category": "c",
        "Subcategory": f"s{number}",
        "prompt_id": number,
    }


def write_sources(folder: Path, protocol: Protocol, numbers: range = range(1, 1001)) -> Path:
    """The files of a protocol, with the prompts of these ids divided among them."""
    count = len(protocol.prompts)
    for at, path in enumerate(protocol.prompts):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps([record(number) for number in numbers if number % count == at]))
    (folder / protocol.script).parent.mkdir(parents=True, exist_ok=True)
    (folder / protocol.script).write_text(SCRIPT)
    return folder


def official_script(protocol: Protocol) -> Path:
    """The official file with the templates, in the folder that `IRG_BENCH_SOURCES` names; skips without."""
    named = os.environ.get("IRG_BENCH_SOURCES")
    if not named:
        pytest.skip("the judge's templates are in the official files: set IRG_BENCH_SOURCES to their folder")
    for path in (Path(named) / protocol.name / protocol.script, Path(named) / "wise" / protocol.script):
        if path.is_file():
            return path
    pytest.skip(f"{named} holds no {protocol.script}")
