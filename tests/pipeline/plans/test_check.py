from pathlib import Path

import pytest

from irg.pipeline.plans.check import remarks
from irg.pipeline.plans.reading import read_plan

TEXT = """\
plan: 1
system: checkpoint
first:
- {write: T, reads: [system, prompt]}
- {draw: I, reads: [system, prompt, T], text_branch: [system], image_branch: [system, prompt]}
repeat:
- {write: R, reads: [system, prompt, T, I:cv, each: [R, J:cv], say: "{T} {prompt}"]}
- {draw: J, reads: [system, T, each: [R, J:cv], R], text_branch: {without: [R]}, image_branch: texts}
max_repeats: 1
"""


def faults(tmp_path: Path, old: str, new: str) -> str:
    assert old in TEXT
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(ValueError) as told:
        read_plan(path)
    return str(told.value).removeprefix(f"{path}: ")


def test_what_is_in_order_has_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    assert read_plan(path).num_images == 2


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        (
            "[system, prompt]}",
            "[system, promt]}",
            "line 4: first.0.reads.1",
            "'promt': no step writes or draws promt; did you mean prompt?",
        ),
        (
            "[system, prompt]}",
            "[system, R]}",
            "line 4: first.0.reads.1",
            "'R': R is read before there is one",
        ),
        (
            "[system, prompt]}",
            "[system.look]}",
            "line 4: first.0.reads.0",
            "'system.look': expected one of system",
        ),
        (
            "[system, prompt]}",
            "[input]}",
            "line 4: first.0.reads.0",
            "'input': a picture is read as c, cv, v: input:cv",
        ),
        (
            "[system, prompt]}",
            "[newest:cv]}",
            "line 4: first.0.reads.0",
            "'newest:cv': no picture is drawn before it or given",
        ),
        (
            "[system, prompt]}",
            "[prompt:cv]}",
            "line 4: first.0.reads.0",
            "'prompt:cv': a prompt has no form 'cv'",
        ),
        (
            "[system, prompt]}",
            "[prompt, each: [R]]}",
            "line 4: first.0.reads.1.each",
            "['R']: only steps of repeat have passes",
        ),
        (
            "[system, prompt]}",
            "[prompt], must: ['(']}",
            "line 4: first.0.must.0",
            "'(': no regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            "[system, prompt]}",
            "[prompt], prefix: '{I}'}",
            "line 4: first.0.prefix",
            "'{I}': {I} stands for nothing: expected one of prompt, round",
        ),
        (
            "[system, prompt]}",
            "[prompt], fields: {a: b}}",
            "line 4: first.0.fields.a",
            "'b': expected a group, which is the field's value",
        ),
        (
            "prompt, T], text",
            "prompt, T:canonical], text",
            "line 5: first.1.reads.2",
            "'T:canonical': the step that writes T has no canonical",
        ),
        (
            "prompt, T], text",
            "prompt, T:cv], text",
            "line 5: first.1.reads.2",
            "'T:cv': a text is read as T, T:whole or T:canonical",
        ),
        (
            "text_branch: [system]",
            "text_branch: [I:cv]",
            "line 5: first.1.text_branch.0",
            "'I:cv': it is no part of what is read",
        ),
        (
            "image_branch: [system, prompt]",
            "image_branch: [prompt, system]",
            "line 5: first.1.image_branch.1",
            "'system': it is read before",
        ),
        (
            "text_branch: [system]",
            "text_brunch: [system]",
            "line 5: first.1.text_brunch",
            "there is no such setting; did you mean text_branch?",
        ),
        (
            "text_branch: [system]",
            "text_branch: {empty_at: [prompt]}",
            "line 5: first.1.text_branch",
            "['prompt']: what is read does not begin with it",
        ),
        (
            "each: [R, J:cv], say",
            "each: [R, K:cv], say",
            "line 7: repeat.0.reads.4.each.1",
            "'K:cv': no step writes or draws K",
        ),
        (
            "each: [R, J:cv], say",
            "each: [T, J:cv], say",
            "line 7: repeat.0.reads.4.each.0",
            "'T': no step of repeat makes it",
        ),
        (
            '"{T} {prompt}"',
            '"{J}"',
            "line 7: repeat.0.reads.5.say",
            "'{J}': {J} stands for nothing: expected one of T, prompt, round",
        ),
        (
            "without: [R]",
            "without: [prompt]",
            "line 8: repeat.1.text_branch.without",
            "'prompt': it is no part of what is read",
        ),
        (
            "{draw: J",
            "{draw: prompt",
            "line 8: repeat.1.draw",
            "'prompt': the name has a meaning of its own",
        ),
        (
            "max_repeats: 1\n",
            "",
            "max_repeats",
            "repeat has to end: expected how often at most",
        ),
        (
            "max_repeats: 1\n",
            "max_repeats: 1\nclosing: true\n",
            "line 10: closing",
            "there is no such setting; did you mean closing_write?",
        ),
        (
            "plan: 1\n",
            "",
            "plan",
            "Field required",
        ),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, where: str, said: str) -> None:
    assert faults(tmp_path, old, new).startswith(f"{where}: {said}")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    both = faults(tmp_path, "[system, prompt]}", "[a, b]}")
    assert both.count("line 4") == 2


def test_a_name_is_that_of_a_text_or_of_a_picture(tmp_path: Path) -> None:
    assert "line 8: repeat.1.draw: 'T': the name is that of a text" in faults(
        tmp_path, "{draw: J", "{draw: T"
    )


def test_an_image_branch_that_leaves_nothing_out_is_remarked_on() -> None:
    """The scale that the model's own demo has without saying so."""
    assert remarks(read_plan("bagel-t2i")) == [
        "I: the image branch is all that is read, so the text scale 4 counts as 5.5"
    ]
    assert remarks(read_plan("umm-reflection")) == [
        "I0: the image branch is all that is read, so the text scale 3 counts as 4"
    ]
    assert remarks(read_plan("irg")) == []
