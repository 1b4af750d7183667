from pathlib import Path
from typing import Any

import numpy as np
import pytest

from irg.core import Kind
from irg.pipeline import Pipeline
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.episode import BEGUN
from irg.pipeline.plans.start import settled, system_prompt_of
from irg.prep import Resize
from tests.data.small import settings
from tests.pipeline.watching import PROMPT, photo, pipeline_with

DRAW = {"draw": "I", "reads": ["system", "prompt"]}
EDIT = {"draw": "I", "reads": ["input:cv", "prompt"]}


def plan(**more: Any) -> StepPlan:
    return StepPlan.model_validate({"plan": 1, "system": "checkpoint", "first": [DRAW], **more})


def test_a_settled_plan_needs_no_files(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("from a file")
    (tmp_path / "p.yaml").write_text("plan: 1\nsystem: {file: s.txt}\nfirst: [{draw: I, reads: [system]}]\n")
    found = settled(tmp_path / "p.yaml", settings(32))
    (tmp_path / "s.txt").unlink()
    assert system_prompt_of(found, settings(32)) == "from a file"


def test_a_system_prompt_is_read_once_for_a_batch(pipeline: Pipeline) -> None:
    run = pipeline.planned(plan(), [PROMPT, "a star", "a heart"])
    strands = [episode.strands[BEGUN] for episode in run.episodes]
    assert len({id(strand.history[0]) for strand in strands}) == 1
    slots = [strand.slot for strand in strands]
    assert [slot.row - slots[0].row for slot in slots] == [0, 1, 2]
    assert all(strand.is_tip and strand.length == strand.history[0].num_tokens for strand in strands)


@pytest.mark.parametrize(("view_of", "side"), [("clean", 32), ("picture", 64)])
def test_given_pictures_are_looked_at_as_resized_for_the_autoencoder_or_as_they_are(
    view_of: str, side: int
) -> None:
    wide = settings(64)
    pipeline = pipeline_with(wide.model_copy(update={"clean": Resize(32, 32, 16)}))
    picture = photo(64, 64)
    run = pipeline.planned(
        plan(system="none", first=[EDIT], resize={"view_of": view_of}), [PROMPT], [picture]
    )
    (episode,) = run.episodes
    shown = {entry.kind: entry.image for entry in episode.course.entries}
    clean, view = shown[Kind.CLEAN], shown[Kind.VIEW]
    assert clean is not None and clean.size == (32, 32)
    assert view is not None and view.size == (side, side)
    assert view_of == "clean" or (np.asarray(view) == np.asarray(picture)).all()


def test_a_first_step_that_reads_nothing_is_told(pipeline: Pipeline) -> None:
    nothing = plan(system="none", first=[{"draw": "I", "reads": ["system"]}])
    with pytest.raises(ValueError, match="the first step of the plan reads nothing"):
        pipeline.planned(nothing, [PROMPT])


def test_numbers_of_things_are_told(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="2 prompts but 1 lists of pictures"):
        pipeline.planned("bagel-edit", [PROMPT, PROMPT], [photo()])
    with pytest.raises(ValueError, match="expected at least one"):
        pipeline.planned("irg", [])
