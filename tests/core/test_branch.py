"""The guidance table of the design: which segments each branch keeps."""

from dataclasses import replace

import torch

from irg.core import BranchKind, Grid, Kind, Role, Segment, keeps

SYSTEM = Segment(Kind.TEXT, Role.SYSTEM, (1,), turn=0)
PROMPT = Segment(Kind.TEXT, Role.PROMPT, (1,), turn=1)
FIRST_THOUGHT = Segment(Kind.TEXT, Role.THOUGHT, (1,), turn=1)
FIRST_CLEAN = Segment(Kind.CLEAN, Role.IMAGE, torch.zeros(1, 4), turn=1, grid=Grid(1, 1))
FIRST_VIEW = replace(FIRST_CLEAN, kind=Kind.VIEW)
SECOND_THOUGHT = replace(FIRST_THOUGHT, turn=2)


def kept(branch: BranchKind, context: list[Segment], turn: int) -> list[Segment]:
    return [segment for segment in context if keeps(branch, segment, turn)]


def test_the_text_branch_of_the_first_turn_is_the_system_prompt() -> None:
    assert kept(BranchKind.TEXT, [SYSTEM, PROMPT, FIRST_THOUGHT], turn=1) == [SYSTEM]


def test_the_text_branch_of_the_second_turn_lacks_its_thought_only() -> None:
    before = [SYSTEM, PROMPT, FIRST_THOUGHT, FIRST_CLEAN, FIRST_VIEW]
    assert kept(BranchKind.TEXT, [*before, SECOND_THOUGHT], turn=2) == before


def test_the_image_branch_keeps_the_texts() -> None:
    context = [SYSTEM, PROMPT, FIRST_THOUGHT, FIRST_CLEAN, FIRST_VIEW, SECOND_THOUGHT]
    assert kept(BranchKind.IMAGE, context, turn=2) == [SYSTEM, PROMPT, FIRST_THOUGHT, SECOND_THOUGHT]
