from pathlib import Path

import pytest

from irg.curate.teacher.templates import read_templates, shipped

FIELDS = {
    "propose": frozenset({"count", "subject"}),
    "think": frozenset({"prompt", "words"}),
    "think_from_picture": frozenset({"prompt", "words"}),
    "judge_questions": frozenset({"prompt", "most"}),
    "judge_checks": frozenset({"count", "questions"}),
    "judge_compare": frozenset({"prompt"}),
    "reflect": frozenset({"prompt", "findings"}),
    "improve": frozenset({"prompt"}),
    "improve_from_picture": frozenset({"prompt"}),
}
"""What stages fill into the templates."""


def test_every_template_is_shipped_and_takes_its_fields() -> None:
    assert {name: template.fields for name, template in shipped().items()} == FIELDS
    for name, template in shipped().items():
        values = {field: f"<{field}> {{braces}}" for field in FIELDS[name]}
        words = " ".join(template.fill(dict(values)))
        assert all(value in words for value in values.values())


def test_a_users_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text('think: {version: 7, system: "Plan.", user: "{prompt}"}')
    mine = read_templates(path)
    assert mine["think"].fill({"prompt": "a cat", "words": 9}) == ("Plan.", "a cat")
    assert mine["think"].digest != shipped()["think"].digest and mine["think"].label.startswith("think@7-")
    assert mine["reflect"] == shipped()["reflect"] and read_templates(None) == shipped()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[1, 2]", "expected templates by name"),
        ("think: {", "is not valid YAML"),
        ('thikn: {version: 1, system: "", user: ""}', "'thikn' is not known"),
        ('think: {version: 1, system: ""}', "template think: user: Field required"),
        ('think: {version: "1", system: "", user: ""}', "version: '1': Input should be a valid integer"),
        ('think: {version: 1, system: "", user: "{promt}"}', "asks for promt"),
        ('think: {version: 1, system: "", user: "{prompt"}', "think: expected '}'"),
    ],
)
def test_a_wrong_template_is_named(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ValueError) as caught:
        read_templates(path)
    assert problem in str(caught.value) and str(path) in str(caught.value)
