import json
import re
from math import sqrt
from statistics import fmean

import pytest

from irg.bench.genai.skills import ALL, GROUPS, Spread, by_skill, group_of, skills_of, spread
from tests.bench.cases import Cases, folder

CASES = Cases(
    "genai_cases.json", "scores_527_six", "models_527", "image_eval_527_six_models", "evaluate_527_error"
)


def official(name: str) -> dict:
    """A file of the 527 prompts, which lies beside the cases."""
    path = folder().parent / "data" / "genai" / "527" / name
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    return json.loads(path.read_bytes())


def table(text: str, group: str, whose: str) -> dict[str, dict[str, tuple[float, float]]]:
    """By model and skill the mean and deviation of one of the tables that the official script prints."""
    _, _, rest = text.partition(f"Tag Group: {group} ({whose} performance)\n")
    head, *lines = rest.split("\n\n")[0].splitlines()
    skills = re.split(r"\s{2,}", head.strip())[1:]
    found = {}
    for line in lines:
        model, *numbers = re.split(r"\s+", line.strip())
        pairs = re.findall(r"([\d.]+) \+- ([\d.]+)", " ".join(numbers))
        found[model] = {skill: (float(a), float(b)) for skill, (a, b) in zip(skills, pairs, strict=True)}
    return found


@pytest.mark.parametrize(("form", "within"), [("precise", 2e-7), ("stdout", 0.5001e-2)])
def test_golden_tables(form: str, within: float) -> None:
    prompts, skills = official("genai_image.json"), skills_of(official("genai_skills.json"), "skills")
    scores, models = CASES["scores_527_six"], CASES["models_527"]
    text = CASES["image_eval_527_six_models"][form]
    ids = [int(name) for name in prompts]
    for index, model in enumerate(models):
        drawn = dict(zip(ids, scores[index * len(ids) : (index + 1) * len(ids)], strict=True))
        rated = {int(name): fmean(one["models"][model]) for name, one in prompts.items()}
        for whose, of_prompt in (("metric", drawn), ("human", rated)):
            found = by_skill((skills[prompt], score) for prompt, score in of_prompt.items())
            for group, names in (*GROUPS.items(), ("overall", ("basic", "advanced", ALL))):
                expected = table(text, group, whose)[model]
                assert {*expected} == {*names}
                for name in names:
                    ours = spread(found[name])
                    assert ours is not None and ours.deviation is not None
                    # Of people the official script divides by their number, not by one less.
                    shrunk = sqrt(1 - 1 / ours.count) if whose == "human" else 1
                    found_pair = ours.mean, ours.deviation * shrunk
                    assert found_pair == pytest.approx(expected[name], abs=within), (whose, name)


def test_the_last_of_the_527_prompts_counts() -> None:
    """The official script for new pictures counts from 0, and fails at it."""
    assert "index 527 is out of bounds" in CASES["evaluate_527_error"]
    skills = skills_of(official("genai_skills.json"), "skills")
    assert sorted(skills) == [*range(1, 528)]
    assert len(by_skill((some, 0.5) for some in skills.values())[ALL]) == 527


def test_what_has_no_skill_counts_for_none() -> None:
    tagged: dict[str, list[int]] = {skill: [] for group in GROUPS.values() for skill in group}
    skills = skills_of(tagged | {"basic": [1], "attribute": [1], "advanced": [2]}, "skills")
    assert skills == {1: ("attribute", "basic"), 2: ("advanced",)}
    found = by_skill([(skills[1], 0.25), (skills[2], 0.5), ((), 1.0)])
    assert found[ALL] == [0.25, 0.5] and found["basic"] == found["attribute"] == [0.25]
    assert spread(found["scene"]) is None and spread([0.5]) == Spread(0.5, None, 1)
    assert (group_of(skills[1]), group_of(skills[2]), group_of(())) == ("basic", "advanced", None)
    with pytest.raises(ValueError, match="skills: skills basic: expected action relation"):
        skills_of({"basic": [1]}, "skills")
    with pytest.raises(ValueError, match="skills: scene: expected a list of numbers"):
        skills_of(tagged | {"scene": ["1"]}, "skills")
