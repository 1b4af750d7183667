"""The parts of rewards, each with somebody real to ask."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.endpoint import NoAnswer
from irg.endpoint.structured import UnfitAnswerError
from irg.rl.parts import FunctionPart, JudgePart, ScenePart, ServicePart, read_grade, rewards_of
from irg.rl.rewards import (
    FunctionRewardSettings,
    GradedPicture,
    JudgeRewardSettings,
    NoGrade,
    SceneRewardSettings,
    ServiceRewardSettings,
)
from irg.scorers.http import scorer_server
from irg.world import fulfil, parse, render


def shown(prompt: str, picture: Image.Image | None = None) -> GradedPicture:
    if picture is None:
        picture = Image.fromarray(render(fulfil(parse(prompt), np.random.default_rng(0))))
    return GradedPicture(prompt, Picture.of(picture), "a thought", {"tag": 1})


@contextmanager
def service(grade: Callable[[dict[str, Any]], Any]) -> Iterator[str]:
    server = scorer_server({}, {"/grade": lambda asked: {"grade": grade(asked)}}, 0, at_once=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def part(address: str, **changes: Any) -> ServicePart:
    usual = {"kind": "service", "address": address, "wait": 0.0, "seconds": 20.0}
    return ServicePart(ServiceRewardSettings.model_validate(usual | changes))


def test_the_oracle_grades_pictures_of_its_world() -> None:
    right, wrong = shown("a red circle"), shown("a blue star", shown("a red circle").picture.open())
    other = shown("a cat", Image.new("RGB", (128, 128)))
    small = shown("a red circle", Image.new("RGB", (32, 32)))
    grades = ScenePart()([right, wrong, other, small])
    assert grades[0] == 1.0 and isinstance(grades[1], float) and 0 < grades[1] < 0.5
    reasons = [grade.reason for grade in grades[2:] if isinstance(grade, NoGrade)]
    assert reasons == ["outside the scene world", "not of the scene world"]


def test_a_function_of_ones_own_grades_and_may_fail() -> None:
    def made(name: str) -> FunctionPart:
        function = f"tests.rl.graders:{name}"
        return FunctionPart(FunctionRewardSettings(kind="function", function=function))

    red, green = (shown("x", Image.new("RGB", (8, 8), colour)) for colour in ("red", "lime"))
    first, second = made("redness")([red, green])
    assert isinstance(first, float) and isinstance(second, float) and first > 0.9 > 0.1 > second
    (broken,) = made("broken")([red])
    assert isinstance(broken, NoGrade) and broken.reason == "raised ZeroDivisionError"
    with pytest.raises(ValueError, match="graders:absent"):
        made("absent")
    with pytest.raises(ValueError, match="str, expected a function"):
        made("WORD")


def test_a_service_is_told_all_and_asked_again_where_it_says_nothing() -> None:
    asked: list[dict[str, Any]] = []

    def grade(content: dict[str, Any]) -> Any:
        asked.append(content)
        return float("nan") if len(asked) == 1 else 0.5

    with service(grade) as address:
        assert part(address)([shown("a red circle")]) == [0.5]
    assert len(asked) == 2 and asked[0]["prompt"] == "a red circle" and asked[0]["thought"] == "a thought"
    assert asked[0]["facts"] == {"tag": 1} and asked[0]["picture"]


def test_a_service_that_is_gone_or_hangs_or_says_nothing_is_told() -> None:
    with service(lambda asked: 1.0) as address:
        pass
    (gone,) = part(address, attempts=2)([shown("a red circle")])
    assert isinstance(gone, NoGrade) and gone.reason == "gone"
    with service(lambda asked: time.sleep(0.5)) as address:
        (late,) = part(address, seconds=0.05, attempts=1)([shown("a red circle")])
        (nothing,) = part(address, attempts=1)([shown("a red circle")])
    assert isinstance(late, NoGrade) and late.reason in ("failed", "gone") and "0.05 s" in late.detail
    assert isinstance(nothing, NoGrade) and nothing.reason == "not a grade"


def test_a_judge_is_asked_for_a_grade_and_what_it_says_is_read(tmp_path: Path) -> None:
    said = ["I see a circle.\nGrade: 7", "No idea."]

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(asked["messages"])
        assert "a red circle" in text and "image_url" in text
        message = {"role": "assistant", "content": said[0]}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        return {"id": "x", "object": "chat.completion", "created": 0, "model": "judge", "choices": choices}

    server = scorer_server({}, {"/v1/chat/completions": answer}, 0, at_once=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        endpoint = {"base_url": f"http://127.0.0.1:{server.server_address[1]}/v1", "model": "judge"}
        settings = JudgeRewardSettings.model_validate({"kind": "judge", "endpoint": endpoint})
        assert JudgePart(settings, tmp_path / "one")([shown("a red circle")]) == [0.7]
        said[0] = said[1]
        (unread,) = JudgePart(settings, tmp_path / "other")([shown("a red circle")])
        assert isinstance(unread, NoGrade) and unread.reason == NoAnswer.INVALID
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_last_grade_that_is_named_counts() -> None:
    assert read_grade("Grade: 3? No.\nGrade: 10") == 1.0 and read_grade("grade: 0") == 0.0
    for text in ("", "11 of 10", "Grade: N", "Grade: 11"):
        with pytest.raises(UnfitAnswerError, match="Grade"):
            read_grade(text)


def test_a_recipe_names_the_parts(tmp_path: Path) -> None:
    settings = [
        SceneRewardSettings(kind="scene", weight=2.0),
        ServiceRewardSettings(kind="service", address="http://x"),
    ]
    rewards = rewards_of(settings, tmp_path)
    assert [(one.part.name, one.weight) for one in rewards.parts] == [("scene", 2.0), ("http://x", 1.0)]
    assert rewards.kept == tmp_path / "rewards.sqlite"


def test_genevals_scorer_grades_what_a_line_asks_for() -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
    from irg.rl.parts import GenevalPart
    from irg.scorers.geneval.finder import ObjectFinder
    from tests.bench.geneval.test_judge import WORDS
    from tests.scorers import models

    find = ObjectFinder(models.detector(sureness=100), models.clip(WORDS))
    noise = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC)
    plain = {"tag": "single_object", "include": [{"class": "cup", "count": 1}]}
    there = find(picture, plain)[0][0].name
    present = plain | {"include": [{"class": there, "count": 1}]}
    many = {"tag": "counting", "include": [{"class": there, "count": 40}]}
    asked = [GradedPicture("a thing", Picture.of(picture), facts=facts) for facts in (present, many, {})]
    part = GenevalPart(find)
    right, wrong, none = part(asked)
    assert right == 1.0 and isinstance(wrong, float) and 0 < wrong < 0.5
    assert isinstance(none, NoGrade) and none.reason == "not of GenEval's form"
    assert part.identity["part"] == "geneval" and part.identity["detector"]["model"] == "random"
