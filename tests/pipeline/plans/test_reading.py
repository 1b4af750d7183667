import json
from pathlib import Path

import pytest

from irg.pipeline.plans.plan_file import SystemSource
from irg.pipeline.plans.reading import read_plan, schema

DOCS = Path(__file__).parents[3] / "docs"


def test_a_file_that_a_plan_names_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(
        "plan: 1\nsystem: {file: s.txt}\nfirst: [{draw: I, reads: [system]}]\n"
    )
    system = read_plan(tmp_path / "mine.yaml").system
    assert isinstance(system, SystemSource) and system.file == tmp_path / "s.txt"


@pytest.mark.parametrize("name", ["../s.txt", "/etc/passwd"])
def test_no_plan_names_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"plan: 1\nsystem: {{file: {name}}}\nfirst: [{{draw: I, reads: [system]}}]\n")
    with pytest.raises(ValueError, match=f"'{name}' lies outside of this folder"):
        read_plan(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "is no plan: expected keys and values, got list"),
        ("a: [", "is not valid YAML"),
        ("plan: !!python/name:os.system", "has a tag"),
    ],
)
def test_what_is_no_plan_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=told):
        read_plan(path)


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(
        ValueError, match="nowhere: no such plan; irg plan list names those that come with irg"
    ):
        read_plan("nowhere")


def test_the_published_schema_is_that_of_the_plans() -> None:
    assert (DOCS / "plan.schema.json").read_text() == schema()
    assert {"first", "repeat", "max_repeats"} <= {*json.loads(schema())["properties"]}
