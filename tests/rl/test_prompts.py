from collections import Counter
from pathlib import Path

import pytest

from irg.rl.prompts import prompts_of
from irg.rl.settings import PromptSettings
from irg.world import Family, Split, parse
from irg.world.grammar import is_held_out_text


def test_a_number_decides_on_a_prompt_of_the_scene_world() -> None:
    draw = prompts_of(PromptSettings(scenes={Family.TWO: 3, Family.COLORS: 1}))
    assert draw(5) == draw(5) and draw(5).seed == 5
    families = Counter(draw(number).facts["family"] for number in range(200))
    assert set(families) == {"two", "colors"} and families["two"] > 2 * families["colors"]
    assert not any(is_held_out_text(draw(number).prompt) for number in range(50))
    held = prompts_of(PromptSettings(scenes={Family.TWO: 1}, split=Split.HELD_OUT))
    assert all(is_held_out_text(held(number).prompt) for number in range(20))
    assert parse(held(0).prompt).num_objects == 2


def test_prompts_of_a_file_bring_their_facts(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "a cat", "tag": "single"}\n{"prompt": "a dog"}\n')
    draw = prompts_of(PromptSettings(file=file))
    asked = [draw(number) for number in range(40)]
    assert {(one.prompt, one.facts.get("tag")) for one in asked} == {("a cat", "single"), ("a dog", None)}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "no prompts, expected at least one line"),
        (
            '{"prompt": "a cat"}\n{"prompt": ""}\n',
            'line 2: expected an object such as {"prompt": "a red star"}',
        ),
        ("[1]\n", 'line 1: expected an object such as {"prompt"'),
        ("{\n", "line 1"),
    ],
)
def test_a_file_without_prompts_is_told(tmp_path: Path, content: str, fault: str) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(content)
    with pytest.raises(ValueError, match="prompts") as told:
        prompts_of(PromptSettings(file=file))
    assert fault in str(told.value)
    with pytest.raises(ValueError, match="no such file"):
        prompts_of(PromptSettings(file=tmp_path / "absent.jsonl"))
