import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import irg
from irg.core import Grid
from irg.engine import Guidance, Renorm, TextSampling
from irg.model import ModelConfig, bagel_7b
from irg.pipeline import Plan, Settings
from irg.pipeline.settings import FILE, THINK_PROMPT, TurnPlan
from irg.prep import Resize
from tests.data.small import settings


def test_the_defaults_are_the_reference_models() -> None:
    """Numbers of the published inference scripts."""
    plan = Settings().plan()
    first, second = plan.turns
    assert first.guidance == Guidance(4.0, 1.0, (0.4, 1.0), Renorm.GLOBAL, 0.0)
    assert second.guidance == Guidance(4.0, 2.0, (0.0, 1.0), Renorm.TEXT_CHANNEL, 0.0)
    assert (first.think, first.num_points, first.shift) == (True, 50, 3.0)
    assert (plan.width, plan.height) == (1024, 1024)
    assert plan.text == TextSampling(temperature=0.3, top_p=1.0, max_tokens=1000)
    assert Settings().clean == Resize(1024, 512, 16)
    assert Settings().view == Resize(980, 224, 14)
    assert Settings().system_prompt == THINK_PROMPT and Settings().world is None


def test_a_default_plan_fits_the_reference_model() -> None:
    assert Settings().plan().grid(bagel_7b()) == Grid(64, 64)


def test_a_plan_has_as_many_turns_as_asked_for_all_but_the_first_alike() -> None:
    for turns in (1, 2, 4):
        plan = settings(32).plan(turns)
        assert len(plan.turns) == turns
        assert plan.turns[0].guidance == settings(32).first
        assert all(turn.guidance == settings(32).later for turn in plan.turns[1:])


def test_a_plan_may_draw_without_thoughts_and_in_other_sizes() -> None:
    plan = settings(32).plan(turns=2, think=False, width=48, height=16)
    assert [turn.think for turn in plan.turns] == [False, False]
    assert (plan.width, plan.height) == (48, 16)
    assert (settings(32).plan(width=16).width, settings(32).plan(width=16).height) == (16, 32)


def test_a_checkpoint_may_draw_at_once_unless_it_is_asked_for_more() -> None:
    usual = settings(32).model_copy(update={"turns": 1, "thinks": False})
    asked = (
        usual.plan(),
        usual.plan(think=True),
        usual.plan(2),
        usual.plan(2, think=False),
        settings(32).plan(),
    )
    found = [[turn.think for turn in plan.turns] for plan in asked]
    assert found == [[False], [True], [True, True], [False, False], [True, True]]


def test_an_edits_plan_is_one_turn_with_its_own_guidance() -> None:
    edits = settings(32).model_copy(update={"edit": Guidance(text_scale=7.0), "edit_thinks": True})
    plan = edits.edit_plan(48, 32)
    assert len(plan.turns) == 1 and plan.turns[0].think
    assert plan.turns[0].guidance.text_scale == 7.0 and (plan.width, plan.height) == (48, 32)
    assert not settings(32).edit_plan(32, 32).turns[0].think
    assert settings(32).edit_plan(32, 32, think=True).turns[0].think
    assert not edits.edit_plan(32, 32, think=False).turns[0].think


@pytest.mark.parametrize("turns", [0, -1, 10**9, 10**30])
def test_a_plan_without_turns_is_refused(turns: int) -> None:
    with pytest.raises(
        ValueError, match=f"turns {turns}: expected a whole number of at least 1 and at most 1000"
    ):
        settings(32).plan(turns)
    with pytest.raises(ValueError, match="at least one turn"):
        replace(settings(32).plan(), turns=())


@pytest.mark.parametrize(("width", "height"), [(0, 32), (32, -16)])
def test_a_picture_needs_pixels(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"{width}x{height}"):
        replace(settings(32).plan(), width=width, height=height)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((1000, 1024), "1000x1024: both must be multiples of 16"),
        ((1024, 1030), "1024x1030: both must be multiples of 16"),
        ((1040, 512), "1040x512: this model draws up to 1024 pixels"),
        ((512, 2048), "512x2048: this model draws up to 1024 pixels"),
    ],
)
def test_sizes_that_cannot_be_drawn_are_told(size: tuple[int, int], told: str) -> None:
    plan = replace(Settings().plan(), width=size[0], height=size[1])
    with pytest.raises(ValueError, match=told):
        plan.grid(bagel_7b())


def test_a_grid_is_rows_by_columns(config: ModelConfig) -> None:
    side = config.pixels_per_latent
    assert replace(Settings().plan(), width=3 * side, height=2 * side).grid(config) == Grid(2, 3)


def test_a_plan_can_be_written_down() -> None:
    content = json.loads(json.dumps(Settings().plan().as_json()))
    assert content["turns"][0]["guidance"]["interval"] == [0.4, 1.0]
    assert content["turns"][1]["guidance"]["renorm"] == "text_channel"
    assert (content["width"], content["text"]["temperature"]) == (1024, 0.3)


@pytest.mark.parametrize(
    "stored",
    [
        Settings(),
        settings(32),
        Settings(
            system_prompt="Denk nach: \u201e\u732b\u201c",
            world="scenes",
            scores={"bench": {"turn 1": 0.5}},
            edit_thinks=True,
        ),
    ],
    ids=["defaults", "small", "words"],
)
def test_settings_come_back_from_their_file(stored: Settings, tmp_path: Path) -> None:
    stored.save(tmp_path)
    assert Settings.from_folder(tmp_path) == stored


def test_only_what_differs_from_the_defaults_is_written(tmp_path: Path) -> None:
    Settings(num_points=20).save(tmp_path)
    assert json.loads((tmp_path / FILE).read_text()) == {"num_points": 20}


def test_a_folder_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    assert Settings.from_folder(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"num_pionts": 20}', "num_pionts"),
        ('{"first": {"txt_scale": 1.0}}', "first.txt_scale"),
        ('{"view": {"max_side": 3, "min_side": 2, "stride": 1, "pad": 0}}', "view.pad"),
        ('{"num_points": "many"}', "num_points"),
        ('{"later": {"renorm": "most"}}', "later.renorm"),
        ('{"edit": {"interval": [1.0, 0.0]}}', "guidance interval"),
        ('{"world": "oceans"}', "world"),
        ("{", "JSON"),
    ],
)
def test_a_wrong_file_is_told_by_path_and_key(content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match=told) as caught:
        Settings.from_folder(tmp_path)
    assert str(tmp_path / FILE) in str(caught.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().num_points = 3  # type: ignore[misc]


def test_what_is_written_in_a_file_is_what_is_used(tmp_path: Path) -> None:
    rest = {"interval": [0.1, 0.2], "renorm": "channel", "renorm_min": 0.5}
    written = {
        "first": {"text_scale": 2, "image_scale": 3, **rest},
        "view": {"max_side": 3, "min_side": 2, "stride": 1},
    }
    (tmp_path / FILE).write_text(json.dumps(written))
    stored = Settings.from_folder(tmp_path)
    assert stored.first == Guidance(2, 3, (0.1, 0.2), Renorm.CHANNEL, 0.5)
    assert stored.view == Resize(3, 2, 1)
    sampling = Settings(temperature=0.7, top_p=0.8, max_thought_tokens=9).text_sampling()
    assert sampling == TextSampling(0.7, 0.8, 9)


@pytest.mark.parametrize("names", [Settings.model_fields, Guidance.__annotations__, Resize.__annotations__])
def test_every_setting_is_read_somewhere(names: dict[str, Any]) -> None:
    """A setting that nothing reads would be a promise without effect."""
    assert irg.__file__ is not None
    read = {
        node.attr
        for path in Path(irg.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr)
        in ("self", "settings", "guidance")
    }
    assert names.keys() - read <= {"__pydantic_config__"}


@pytest.mark.parametrize(
    "given",
    [
        {"width": 0},
        {"height": -16},
        {"num_points": 1},
        {"num_points": 10**12},
        {"shift": 0},
        {"shift": float("nan")},
        {"temperature": float("inf")},
        {"temperature": 1e-38},
        {"top_p": 0},
        {"max_thought_tokens": 0},
        {"max_prompt_tokens": 0},
        {"first": {"renorm": "chanel"}},
        {"later": {"text_scale": float("nan")}},
        {"edit": {"interval": [1, 0]}},
        {"view": {"max_side": 0, "min_side": 1, "stride": 1}},
        {"clean": {"max_side": 10, "min_side": 1, "stride": 0}},
    ],
)
def test_a_file_that_no_plan_can_be_made_of(given: dict, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(given))
    with pytest.raises(ValueError, match=re.escape(FILE)):
        Settings.from_folder(tmp_path)


def test_plans_of_the_python_api_are_checked_where_they_are_made() -> None:
    plan = Settings().plan()
    for name, value in (("width", 0), ("height", 2.5), ("width", float("nan")), ("preview_every", -1)):
        with pytest.raises(ValueError, match="expected a whole number"):
            replace(plan, **{name: value})
    for name, value in (("num_points", 1), ("num_points", 2.5), ("shift", float("nan")), ("shift", -1.0)):
        with pytest.raises(ValueError, match="expected a"):
            TurnPlan(**{"think": True, "guidance": Guidance(), "num_points": 4, "shift": 3.0, name: value})


def test_texts_that_are_looked_up_are_told_of_and_read_again() -> None:
    plan = Settings().plan()
    assert "lookup" not in plan.as_json()["text"]
    looked_up = replace(plan, text=replace(plan.text, lookup=8))
    assert looked_up.as_json()["text"]["lookup"] == 8
    assert Plan.from_json(looked_up.as_json()) == looked_up and Plan.from_json(plan.as_json()) == plan
