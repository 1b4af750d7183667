import ast
import csv
import io

import pytest

from irg.bench.oneig.reading import Lettering, TextScore, most_tokens, normalised, without_inventions
from tests.bench.cases import Cases
from tests.bench.oneig.tables import facts, of_model, official_file, table

CASES = Cases("oneig_text.json", "ocr", "max_new_tokens", "unit", "hallucination", "models", "expected")
FINE = Cases("oneig_overall.json", "fine_grained_precise")


def texts() -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(official_file("text_content.csv")))
    return {row["id"]: row["text_content"] for row in rows}


def pictures(model: str) -> dict[str, list[Lettering]]:
    expected = texts()
    return {
        item: [Lettering.of(expected[item], read) for read in some]
        for _, item, some in of_model(CASES["ocr"], model)
    }


def test_single_texts_are_compared_as_in_the_official_code() -> None:
    for case in CASES["unit"]:
        assert (normalised(case["gt"]), normalised(case["ocr"])) == (case["gt_pre"], case["ocr_pre"])
        found = Lettering.of(case["gt"], case["ocr"])
        assert found.distance == case["ed"]
        assert [found.matched, found.accuracy, found.words] == case["match"]


def test_inventions_are_taken_out_as_in_the_official_code() -> None:
    for case in CASES["hallucination"]:
        assert without_inventions(case["inp"]) == case["out"]


def test_prompts_and_models_have_their_official_scores() -> None:
    expected = CASES["expected"]
    by_model, by_prompt = table(expected["score_csv"]), table(expected["prompt_csv"])
    for model in CASES["models"]:
        found = pictures(model)
        for item, row in by_prompt.items():
            if row[model]:
                score = TextScore.of_prompt(found[item])
                assert [*vars(score).values()] == pytest.approx(ast.literal_eval(row[model]), abs=1e-9)
            else:
                assert item not in found
        score = TextScore.of([one for some in found.values() for one in some])
        official = [float(value) for value in by_model[model].values()]
        assert [*vars(score).values(), score.score] == pytest.approx(official, abs=1e-9)


def test_the_finer_table_is_the_official_one() -> None:
    of_items = facts()
    for model, row in table(FINE["fine_grained_precise"]["Text Model Scores.csv"]).items():
        found = pictures(model)
        for length in ("short", "middle", "long"):
            some = [
                TextScore.of_prompt(one)
                for item, one in found.items()
                if of_items[f"text_{item}"]["prompt_length"] == length
            ]
            official = [float(row[f"{length}_{part}"]) for part in ("ED", "CR", "WAC")]
            assert [*vars(TextScore.mean(some)).values()] == pytest.approx(official, abs=1e-9)


def test_long_texts_may_be_read_at_length() -> None:
    expected = texts()
    for name, tokens in CASES["max_new_tokens"].items():
        assert most_tokens(expected[name.split("/")[2]]) == tokens


def test_letters_are_the_words_of_chinese() -> None:
    assert Lettering.of("你好 世界", "你 世界!") == Lettering(1, 3, 4)
