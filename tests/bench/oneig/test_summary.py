"""Rows made of the golden cases come to the official numbers, by the path that a report takes."""

import csv
import io
import json
from typing import Any

import pytest

from irg.bench.items import Item
from irg.bench.oneig.dimensions import FIVE
from irg.bench.oneig.scores import overall, style_of
from irg.bench.oneig.summary import summary_of_all, summary_of_dimension
from irg.bench.protocol import EvidenceRow, Figure, Hearing, Hearings
from tests.bench.cases import Cases
from tests.bench.oneig.tables import facts, number, of_model, official_file, table

ALIGNMENT = Cases("oneig_alignment.json", "answers", "models")
DIVERSITY = Cases("oneig_diversity.json", "pairs")
OVERALL = Cases("oneig_overall.json", "synthetic", "fine_grained_precise")
REASONING = Cases("oneig_reasoning.json", "sim")
STYLE = Cases("oneig_style.json", "csd_ref", "se_ref", "embeddings")
TEXT = Cases("oneig_text.json", "ocr")


def item_of(kind: str, name: str, row: dict[str, str], extra: dict[str, Any]) -> Item:
    about = {"class": kind, "number": name, "type": row["type"], "length": row["prompt_length"]}
    return Item(f"{kind}-{name}", "p", (0, 1, 2, 3), about | extra)


def heard_of(model: str) -> tuple[list[Item], Hearings]:
    """Items that a model has anything of in the cases, and the rows that say it."""
    of_items, extra, rows = facts(), {}, {}
    texts = {
        row["id"]: row["text_content"]
        for row in csv.DictReader(io.StringIO(official_file("text_content.csv")))
    }

    def add(kind: str, name: str, more: dict[str, Any], some: list[EvidenceRow]) -> None:
        extra.setdefault((kind, name), {}).update(more)
        rows.setdefault((kind, name), []).extend(some)

    for kind, name, given in of_model(ALIGNMENT["answers"], model):
        entry = json.loads(official_file(f"Q_D/{kind}.json"))[name]
        asked = {field: json.loads(entry[field]) for field in ("question", "dependency")}
        pictures = [
            EvidenceRow(at, f"alignment/{question}", {"answer": one})
            for question, answers in enumerate(given, start=1)
            for at, one in enumerate(answers)
        ]
        add(kind, name, asked, pictures)
    for kind, name, reads in of_model(TEXT["ocr"], model):
        add(
            kind,
            name,
            {"text": texts[name]},
            [EvidenceRow(at, "text", {"answer": one}) for at, one in enumerate(reads)],
        )
    for kind, name, values in of_model(REASONING["sim"], model):
        subject = {"answer": "a", "subject": of_items[f"{kind}_{name}"]["class"]}
        found = [
            EvidenceRow(at, "reasoning", {"similarity": one})
            for at, one in enumerate(values)
            if one is not None
        ]
        add(kind, name, subject, found)
    references = STYLE["csd_ref"], STYLE["se_ref"]
    for kind, name, both in of_model(STYLE["embeddings"], model):
        style = style_of(of_items[f"{kind}_{name}"]["class"])
        found = []
        for at, pair in enumerate(zip(both["csd"], both["se"], strict=True)):
            one, other = near(pair, references, style)
            found.append(EvidenceRow(at, "style", {"csd": one, "se": other}))
        add(kind, name, {"style": style}, found)
    for kind, name, pairs in of_model(DIVERSITY["pairs"], model):
        distances = [[int(one), int(other), distance] for one, other, distance in pairs]
        add(kind, name, {}, [EvidenceRow(None, "diversity", {"distances": distances})])
    items = [item_of(kind, name, of_items[f"{kind}_{name}"], more) for (kind, name), more in extra.items()]
    return items, {
        item.id: Hearing(item.id, 1, dict.fromkeys(range(4), "sha"), {}, tuple(some))
        for item, some in zip(items, rows.values(), strict=True)
    }


def near(pair: Any, references: Any, style: Any) -> list[list[float]]:
    return [
        [sum(a * b for a, b in zip(one, other, strict=True)) for other in some[style]]
        for one, some in zip(pair, references, strict=True)
    ]


Runs = dict[str, tuple[list[Item], Hearings]]
"""Of each model of the cases."""


@pytest.fixture(scope="module")
def runs() -> Runs:
    return {model: heard_of(model) for model in ALIGNMENT["models"]}


def test_each_dimension_and_the_mean_of_five_are_the_official_ones(runs: Runs) -> None:
    for model, (items, heard) in runs.items():
        are_official(items, heard, OVERALL["synthetic"][model])


def are_official(items: list[Item], heard: Hearings, expected: dict[str, float]) -> None:
    for dimension in FIVE:
        found = summary_of_dimension(dimension)(items, heard)
        assert found.headline.value == pytest.approx(expected[dimension.name], abs=1e-6), dimension.name
        assert is_within(found.headline)
        if dimension.name != "text":
            mean = sum(sample.value for sample in found.samples) / len(found.samples)
            assert mean == pytest.approx(found.headline.value)
    total = summary_of_all(items, heard)
    assert total.headline.value == pytest.approx(expected["overall_mean_of_5"], abs=1e-6)
    assert not total.weights
    assert is_within(total.headline)


def is_within(figure: Figure) -> bool:
    assert figure.value is not None and figure.interval is not None
    return figure.interval[0] < figure.value < figure.interval[1]


def figures_of(items: list[Item], heard: Hearings, name: str) -> dict[str, Figure]:
    dimension = next(one for one in FIVE if one.name == name)
    return {figure.name: figure for figure in summary_of_dimension(dimension)(items, heard).figures}


def test_finer_tables_are_the_official_ones(runs: Runs) -> None:
    tables = OVERALL["fine_grained_precise"]
    for model, run in runs.items():
        for name in ("alignment", "reasoning", "style", "diversity"):
            found = figures_of(*run, name)
            for part, value in table(tables[f"{name.capitalize()} Model Scores.csv"])[model].items():
                assert found[f"{name}: {part}"].value == pytest.approx(number(value), abs=1e-6), (name, part)
        found = figures_of(*run, "text")
        for part, value in table(tables["Text Model Scores.csv"])[model].items():
            length, measure = part.split("_")
            assert found[f"text: {length} {measure}"].value == pytest.approx(float(value), abs=1e-9)


def test_nothing_judged_is_no_number(runs: Runs) -> None:
    items, _ = next(iter(runs.values()))
    total = summary_of_all(items, {})
    assert total.headline.value is None and total.headline.counted == 0
    assert total.missing["text: no picture"] == 4 * sum("text" in item.facts for item in items)
    assert overall({figure.name: figure.value for figure in total.figures}) is None
