"""Rows of what a judge could not find out: one picture that is too much for a model ends no run."""

from collections.abc import Callable
from typing import Any

from irg.bench.protocol import EvidenceRow, Status

_DETAIL = 300


def found_or_failed(picture: int | None, question: str, find: Callable[[], dict[str, Any]]) -> EvidenceRow:
    """The row of what is found, or the one that says why it was not."""
    try:
        return EvidenceRow(picture, question, find())
    except (ValueError, RuntimeError) as error:  # of a GPU without memory, too
        return failed_row(picture, question, type(error).__name__, str(error))


def failed_row(picture: int | None, question: str, reason: str, detail: str) -> EvidenceRow:
    """`reason` is what such rows are counted by."""
    told = {"reason": reason, "detail": detail[:_DETAIL]}
    return EvidenceRow(picture, question, told, Status.JUDGE_ERROR)
