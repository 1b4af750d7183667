import json

import pytest

from irg.bench.oneig.alignment import Questions
from irg.bench.oneig.scores import mean
from tests.bench.cases import Cases
from tests.bench.oneig.tables import facts, number, of_model, official_file, table

CASES = Cases("oneig_alignment.json", "answers", "n_images", "models", "expected")
FINE = Cases("oneig_overall.json", "fine_grained_precise")


def scores(model: str) -> dict[str, float | None]:
    """The score of every prompt of a model that has a picture, by "class_id"."""
    answers, num_images = CASES["answers"], CASES["n_images"]
    questions = {kind: json.loads(official_file(f"Q_D/{kind}.json")) for kind in ("anime", "human", "object")}
    found: dict[str, float | None] = {}
    for kind, item, given in of_model(answers, model):
        pictures = [dict(enumerate(some, start=1)) for some in zip(*given, strict=True)]
        assert len(pictures) == num_images[f"{kind}/{model}/{item}"]
        asked = Questions.of(questions[kind][item])
        found[f"{kind}_{item}"] = mean(asked.score(some) for some in pictures)
    return found


def test_prompts_and_models_have_their_official_scores() -> None:
    expected = CASES["expected"]
    by_model, by_prompt = table(expected["score_csv"]), table(expected["prompt_csv"])
    for model in CASES["models"]:
        found = scores(model)
        for name, row in by_prompt.items():
            assert found.get(name) == pytest.approx(number(row[model]), abs=1e-9), (model, name)
        assert mean(found.values()) == pytest.approx(float(by_model[model]["alignment"]), abs=1e-9)


def test_the_finer_table_is_the_official_one() -> None:
    of_items = facts()
    for model, row in table(FINE["fine_grained_precise"]["Alignment Model Scores.csv"]).items():
        found = scores(model)
        for part, value in row.items():
            field = "type" if part in ("NP", "T, P") else "prompt_length"
            some = [score for name, score in found.items() if of_items[name][field] == part]
            assert mean(some) == pytest.approx(float(value), abs=1e-9)


def test_a_question_falls_with_its_parents_alone() -> None:
    entry = {
        "question": json.dumps(dict.fromkeys("123", "?")),
        "dependency": '{"1": [0], "2": [1], "3": [2]}',
    }
    questions = Questions.of(entry)
    assert questions.score({1: "No", 2: "Yes", 3: "Yes"}) == 1 / 3
    assert questions.score({1: "Yes", 2: "Yes.", 3: "Yes"}) == 1 / 3
    assert questions.score(dict.fromkeys((1, 2, 3), "Yes")) == 1


def test_questions_have_numbers_from_one() -> None:
    with pytest.raises(ValueError, match=r"questions \[1, 3\], parents of \[1, 3\]"):
        Questions.of({"question": {"1": "?", "3": "?"}, "dependency": {"1": [0], "3": [0]}})
