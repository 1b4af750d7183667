"""What data decide that a recipe leaves open."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from irg.core import Document, Kind, Role, Segment
from irg.core.trace import Trace, Turn
from irg.data.conversation import OTHER
from irg.data.convert import ConversationWriter
from irg.data.traces import TraceWriter
from irg.run.assemble import parts_of
from irg.train import settling
from irg.train.recipes import read_recipe
from irg.train.settings import TrainRecipe
from irg.train.settling import Settled, settled
from tests.train.runs import write_traces

Settle = Callable[..., Settled]
SCENE, PHOTO = "two red circles", "a barn in a field of wheat"


def store(folder: Path, *traces: Trace) -> Path:
    with TraceWriter(folder) as writer:
        for one in traces:
            writer.write(one)
    return folder


def drawn(prompt: str, *thoughts: str | None, size: tuple[int, int] = (128, 128), **parts: Any) -> Trace:
    picture = Image.new("RGB", size, "red")
    return Trace(prompt, tuple(Turn(thought, picture) for thought in thoughts or (None,)), seed=0, **parts)


@pytest.fixture
def settle(tmp_path: Path) -> Settle:
    def run(*data: Path, **changes: Any) -> Settled:
        content = {"init": "embedded", "out": tmp_path / "run", "steps": 1, "batch": {"tokens": 2048}}
        datasets = [{"path": one} for one in data]
        recipe = TrainRecipe.model_validate({**content, "data": datasets, **changes})
        return settled(recipe, parts_of(recipe))

    return run


def decided(found: Settled) -> dict[str, Any]:
    assert len(found.notes) <= len(found.recipe.settings or {})
    return found.recipe.settings or {}


def test_captions_of_anything_leave_the_world_and_draw_at_once(settle: Settle, tmp_path: Path) -> None:
    found = settle(store(tmp_path / "a", drawn(SCENE), drawn(PHOTO, size=(320, 240))))
    assert decided(found) == {"world": None, "turns": 1, "thinks": False}
    assert any(repr(PHOTO) in note for note in found.notes)
    began = parts_of(found.recipe).settings
    assert (began.world, began.turns, began.thinks) == (None, 1, False), "and the run begins with them"
    plan = began.plan()
    assert len(plan.turns) == 1 and not plan.turns[0].think


def test_a_world_is_kept_by_data_of_it(settle: Settle, tmp_path: Path) -> None:
    thoughts = ("a thought", "another")
    assert decided(settle(store(tmp_path / "a", drawn(SCENE, *thoughts)))) == {}
    assert decided(settle(store(tmp_path / "b", drawn(SCENE, "a thought")))) == {"turns": 1}
    assert decided(settle(store(tmp_path / "c", drawn(PHOTO, *thoughts)))) == {"world": None}


def test_pictures_are_drawn_as_most_of_them_are(settle: Settle, tmp_path: Path) -> None:
    wide = [drawn(f"{PHOTO} {n}", "a", "b", size=(320, 240)) for n in range(2)]
    assert decided(settle(store(tmp_path / "a", *wide, drawn(PHOTO, "a", "b")))) == {
        "world": None,
        "width": 128,
        "height": 96,
    }
    assert "width" not in decided(settle(store(tmp_path / "b", wide[0], drawn(PHOTO, "a", "b"))))


def test_prompts_may_be_as_long_as_those_of_the_data(settle: Settle, tmp_path: Path) -> None:
    found = settle(store(tmp_path / "a", drawn(f"{PHOTO} " * 20, "a", "b")))
    most = parts_of(found.recipe).settings.max_prompt_tokens
    assert most == len(parts_of(found.recipe).tokenizer.encode(f"{PHOTO} " * 20)) > 96


def test_what_a_recipe_says_stands(settle: Settle, tmp_path: Path) -> None:
    captions = store(tmp_path / "a", drawn(PHOTO, size=(320, 240)))
    said = {"world": "scenes", "turns": 3, "thinks": True, "height": 64}
    assert decided(settle(captions, settings=said)) == said
    named = settle(captions, data=[{"path": captions, "modes": {"direct": 1.0}}])
    assert decided(named) == {"world": None}, "its modes are no more open"
    scenes = settle(data=[{"scenes": "episodes", "modes": {"direct": 1.0}}])
    assert scenes.recipe.settings is None and scenes.notes == ()


def test_questions_and_edits_alone_decide_nothing_of_drawing(settle: Settle, tmp_path: Path) -> None:
    asked = drawn("", questions=(("Which colour?", "Red."),), modes=("question",))
    edited = drawn(SCENE, source=Image.new("RGB", (128, 128)), modes=("edit",))
    assert decided(settle(store(tmp_path / "a", asked))) == {}
    assert decided(settle(store(tmp_path / "b", edited))) == {}


def test_conversations_decide_on_the_world_alone(settle: Settle, tmp_path: Path) -> None:
    said = (Segment(Kind.TEXT, Role.PROMPT, PHOTO, 1), Segment(Kind.TEXT, Role.THOUGHT, "yes", 1, loss=True))
    with ConversationWriter(tmp_path / "rows") as writer:
        writer.write("0", Document(said, OTHER))
    assert decided(settle(tmp_path / "rows")) == {"world": None}


def test_no_more_rows_are_looked_at_than_are_cheap(
    settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConversationWriter(tmp_path / "rows") as writer:
        for number, prompt in enumerate((SCENE, PHOTO)):
            said = (
                Segment(Kind.TEXT, Role.PROMPT, prompt, 1),
                Segment(Kind.TEXT, Role.THOUGHT, "yes", 1, loss=True),
            )
            writer.write(str(number), Document(said, OTHER))
    traces = store(tmp_path / "traces", drawn(SCENE, "a", "b"), drawn(PHOTO, "a", "b"))
    assert decided(settle(tmp_path / "rows")) == decided(settle(traces)) == {"world": None}
    monkeypatch.setattr(settling, "_MOST_DOCUMENTS", 1)
    monkeypatch.setattr(settling, "_MOST_TRACES", 1)
    assert decided(settle(tmp_path / "rows")) == decided(settle(traces)) == {}


def test_where_no_world_is_known_none_is_left(beginning: Path, tmp_path: Path) -> None:
    data = [{"path": write_traces(tmp_path / "traces")}]
    recipe = TrainRecipe.model_validate(
        {"init": str(beginning), "out": tmp_path, "steps": 1, "batch": {"tokens": 2048}, "data": data}
    )
    assert "world" not in decided(settled(recipe, parts_of(recipe)))


def test_the_laptop_recipe_leaves_to_the_data_what_they_decide() -> None:
    recipe = read_recipe(Path("finetune_laptop"))
    assert isinstance(recipe, TrainRecipe)
    assert recipe.settings is None and not any(one.modes for one in recipe.data)
