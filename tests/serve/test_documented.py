"""docs/serving.md: its commands and programs, at a server of the small model; its tables."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from irg.core.settings import BaseSettings
from irg.serve.fields import (
    ChatBody,
    DrawingFields,
    EditBody,
    GenerationBody,
    ImageTool,
    ResponsesBody,
    unheeded,
)

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
ADDRESS, MODEL = "http://127.0.0.1:8000", '"embedded"'
TABLES: dict[str, type[BaseSettings]] = {
    "`/v1/responses`": ResponsesBody,
    "its tool `image_generation`": ImageTool,
    "`/v1/chat/completions`": ChatBody,
    "`/v1/images/generations`": GenerationBody,
    "`/v1/images/edits`": EditBody,
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", blocks("bash"))
def test_commands_do_what_they_say(small_server: str, command: str) -> None:
    done = subprocess.run(
        ["bash", "-c", command.replace(ADDRESS, small_server)], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert answer.get("status") == "completed" or answer["choices"][0]["message"]["images"]


def test_programs_run_from_top_to_bottom(
    small_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="openai is not installed: pip install irg[curate]")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    program = "\n".join(blocks("python")).replace(ADDRESS, small_server).replace(MODEL, '"small"')
    found: dict[str, Any] = {}
    exec(compile(program, "docs/serving.md", "exec"), found)
    assert len(found["pictures"]) == 2 and len(found["drawn"].data) == 2 and len(found["edited"].data) == 1
    assert [item.type for item in found["better"].output] == ["image_generation_call"]


@pytest.mark.parametrize("name", TABLES)
def test_fields_without_effect_are_listed(name: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]
    assert sorted(unheeded(TABLES[name])) == re.findall(r"`(\w+)`", row.removeprefix(f"| {name} |"))


def test_our_own_fields_are_listed() -> None:
    section = PAGE.split("## What may be asked for besides")[1].split("\n## ")[0]
    assert all(f"`{name}`" in section for name in DrawingFields.model_fields)
