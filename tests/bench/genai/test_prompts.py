import json
from pathlib import Path

import pytest

from irg.bench.genai.prompts import PROMPTS_FILE, SKILLS_FILE, read_prompts
from tests.bench.cases import folder
from tests.bench.genai.samples import TEXTS, items, write_prompts


def test_prompts_know_their_skills(tmp_path: Path) -> None:
    found = items(tmp_path)
    assert {item.id: item.prompt for item in found} == TEXTS
    skills = [item.facts["skills"] for item in found]
    assert skills == [["attribute", "scene", "basic"], ["scene", "basic"], ["negation", "advanced"], []]
    assert len({item.seeds for item in found}) == 4


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_prompts(tmp_path)
    skills = json.loads((tmp_path / SKILLS_FILE).read_text())
    (tmp_path / SKILLS_FILE).write_text(json.dumps(skills | {"basic": [0, 1, 9]}))
    with pytest.raises(ValueError, match=r"genai_skills\.json names prompt 9, which genai_image"):
        read_prompts(tmp_path, "genai-bench")
    (tmp_path / SKILLS_FILE).write_text("{}")
    with pytest.raises(ValueError, match=r"genai_skills\.json: skills : expected action relation"):
        read_prompts(tmp_path, "genai-bench")
    write_prompts(tmp_path)
    (tmp_path / PROMPTS_FILE).write_text(json.dumps({"00000": "a red cup"}))
    with pytest.raises(ValueError, match=r"genai_image\.json: '00000': expected a number, and a prompt"):
        read_prompts(tmp_path, "genai-bench")


def test_the_527_official_prompts_are_read_whole() -> None:
    path = folder().parent / "data" / "genai" / "527"
    if not path.is_dir():
        pytest.skip(f"there is no {path}")
    found = read_prompts(path, "genai-bench-527")
    assert (found[0].id, found[-1].id, len(found)) == ("00001", "00527", 527)
    assert sum("basic" in item.facts["skills"] for item in found) == 214
