import numpy as np
import pytest

from irg.bench.oneig.scores import (
    DIMENSIONS,
    STYLES,
    diversity_score,
    mean,
    nearness,
    overall,
    style_groups,
    style_of,
    style_score,
)
from tests.bench.cases import Cases
from tests.bench.oneig.tables import facts, number, of_model, table

DIVERSITY = Cases("oneig_diversity.json", "pairs", "n_images", "models", "expected")
OVERALL = Cases("oneig_overall.json", "synthetic", "published", "published_mean", "fine_grained_precise")
REASONING = Cases("oneig_reasoning.json", "sim", "models", "expected")
STYLE = Cases("oneig_style.json", "csd_ref", "se_ref", "embeddings", "style_list", "models", "expected")


def fine(name: str) -> dict[str, dict[str, str]]:
    return table(OVERALL["fine_grained_precise"][f"{name} Model Scores.csv"])


def diversity(model: str) -> dict[str, float | None]:
    pairs, num_images = DIVERSITY["pairs"], DIVERSITY["n_images"]
    found = {}
    for kind, item, distances in of_model(pairs, model):
        count = num_images[f"{kind}/{model}/{item}"]
        assert [[int(one), int(other)] for one, other, _ in distances] == [
            [one, other] for one in range(count) for other in range(one + 1, count)
        ]
        found[f"{kind}_{item}"] = diversity_score([distance for _, _, distance in distances])
    return found


def test_diversity_is_the_official_one_by_prompt_class_and_model() -> None:
    expected = DIVERSITY["expected"]
    by_model, by_prompt = table(expected["score_csv"]), table(expected["prompt_csv"])
    for model in DIVERSITY["models"]:
        found = diversity(model)
        for name, row in by_prompt.items():
            assert found.get(name) == pytest.approx(number(row[model]), abs=1e-9)
        for kind, value in by_model[model].items():
            some = [score for name, score in found.items() if name.startswith(f"{kind}_")]
            if kind == "total average":
                some = list(found.values())
            assert mean(some) == pytest.approx(float(value), abs=1e-9)
    of_items = facts()
    for model, row in fine("Diversity").items():
        for part, value in row.items():
            field = "type" if part in ("NP", "T, P") else "prompt_length"
            some = [score for name, score in diversity(model).items() if of_items[name][field] == part]
            assert mean(some) == pytest.approx(float(value), abs=1e-9)


def test_reasoning_is_the_official_one_by_prompt_subject_and_model() -> None:
    expected = REASONING["expected"]
    by_model, by_prompt = table(expected["score_csv"]), table(expected["prompt_csv"])
    of_items = facts()
    for model in REASONING["models"]:
        found = {item: mean(some) for _, item, some in of_model(REASONING["sim"], model)}
        for item, row in by_prompt.items():
            assert found.get(item) == pytest.approx(number(row[model]), abs=1e-9)
        assert mean(found.values()) == pytest.approx(float(by_model[model]["reasoning"]), abs=1e-9)
        for subject, value in fine("Reasoning")[model].items():
            some = [
                score for item, score in found.items() if of_items[f"reasoning_{item}"]["class"] == subject
            ]
            assert mean(some) == pytest.approx(float(value), abs=1e-9)


def test_style_is_the_official_one_by_prompt_style_and_model() -> None:
    expected, embeddings = STYLE["expected"], STYLE["embeddings"]
    references = [STYLE["csd_ref"], STYLE["se_ref"]]
    by_model, by_prompt, by_style = (
        table(expected[name]) for name in ("score_csv", "prompt_csv", "style_csv")
    )
    assert [style for styles in STYLES.values() for style in styles] == STYLE["style_list"]
    of_items = facts()
    for model in STYLE["models"]:
        found: dict[str, float | None] = {}
        for kind, item, given in of_model(embeddings, model):
            style = style_of(of_items[f"{kind}_{item}"]["class"])
            found[item] = mean(
                style_score(
                    nearness(np.array(one), np.array(some[style]))
                    for one, some in zip(both, references, strict=True)
                )
                for both in zip(given["csd"], given["se"], strict=True)
            )
        for item, row in by_prompt.items():
            assert found.get(item) == pytest.approx(number(row[model]), abs=1e-6)
        assert mean(found.values()) == pytest.approx(float(by_model[model]["style"]), abs=1e-6)
        styles = {
            style: mean(
                score
                for item, score in found.items()
                if style_of(of_items[f"anime_{item}"]["class"]) == style
            )
            for style in STYLE["style_list"]
        }
        for style, value in by_style[model].items():
            assert styles[style] == pytest.approx(number(value), abs=1e-6)
        for group, value in fine("Style")[model].items():
            assert style_groups(styles)[group] == pytest.approx(number(value), abs=1e-6)


def test_the_overall_score_is_the_mean_of_five() -> None:
    for row in OVERALL["synthetic"].values():
        assert overall(row) == pytest.approx(row["overall_mean_of_5"], abs=1e-9)
    means = OVERALL["published_mean"]
    for name, (alignment, text, reasoning, style, diversity, published) in OVERALL["published"].items():
        found = overall(dict(zip(DIMENSIONS, (alignment, text, reasoning, style, diversity), strict=True)))
        assert found == pytest.approx(means[name])
        assert found == pytest.approx(published, abs=6e-4)
    assert overall({"alignment": 1.0}) is None


def test_a_style_is_named_as_its_references_are() -> None:
    assert style_of("Chinese ink painting") == "chinese_ink_painting"
    assert style_of("") is None


def test_a_picture_unlike_all_references_has_no_style_but_no_less() -> None:
    one, other = np.array([1.0, 0.0]), np.array([[-1.0, 0.0], [-0.5, 1.0]])
    assert nearness(one, other) == [-1.0, -0.5]
    assert style_score([nearness(one, other), [0.6, 0.1]]) == pytest.approx(0.3)
