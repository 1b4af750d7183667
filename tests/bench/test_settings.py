from collections.abc import Mapping
from pathlib import Path

import pytest

from irg.bench.protocol import Judge, JudgeOptions
from irg.bench.settings import judge_of_models, read_settings
from tests.bench.small import ITEMS, ColourJudge
from tests.bench.test_remote import SHOWN


def options(**settings: str) -> JudgeOptions:
    return JudgeOptions(Path(), Path(), settings)


def test_a_setting_that_nobody_reads_is_refused() -> None:
    assert read_settings(options(device="cpu"), "clip", "device") == {"device": "cpu"}
    with pytest.raises(ValueError, match=r"--judge device=\.\.\.: this judge knows clip"):
        read_settings(options(device="cpu"), "clip")
    with pytest.raises(ValueError, match="this judge knows no settings"):
        read_settings(options(device="cpu"))


def test_models_are_loaded_when_they_are_asked_and_once() -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
    loaded: list[Mapping[str, str]] = []

    def load(given: Mapping[str, str]) -> Judge:
        loaded.append(given)
        return ColourJudge()

    judge = judge_of_models(options(clip="who/what", device="cpu"), ("clip",), load)
    assert loaded == []
    assert judge.identity == ColourJudge().identity
    assert [one.item.id for one, _ in judge.hear(SHOWN)] == [item.id for item in ITEMS]
    assert loaded == [{"clip": "who/what", "device": "cpu"}]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"clip": "no such model"}, "no such model is neither a folder nor a hub id"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used here"),
        ({"colour": "red"}, "this judge knows clip, device"),
    ],
)
def test_what_cannot_be_had_is_told_before_anything_is_loaded(
    settings: dict[str, str], expected: str
) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
    with pytest.raises(ValueError, match=expected):
        judge_of_models(options(**settings), ("clip",), lambda given: pytest.fail("it was loaded"))
