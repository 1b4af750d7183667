"""Which segments a guidance branch keeps. Training's condition dropout leaves out the others.

At inference the image branch is read anew from what it keeps. The text branch keeps a beginning of what was
read, so it is an earlier view of the main context.
"""

from enum import StrEnum

from irg.core.segment import Kind, Role, Segment


class BranchKind(StrEnum):
    TEXT = "text"
    """Without the newest instruction: the system prompt alone in turn 1, all but the newest thought later."""
    IMAGE = "image"
    """Without the images: all texts."""


def keeps(branch: BranchKind, segment: Segment, turn: int) -> bool:
    """Whether the branch of an image drawn in `turn` (counted from 1) keeps an earlier segment.

    The system prompt has turn 0; a prompt, its first thought and the first image have turn 1, and so on.
    """
    if branch is BranchKind.IMAGE:
        return segment.kind is Kind.TEXT
    return segment.turn < turn or segment.role is Role.SYSTEM
