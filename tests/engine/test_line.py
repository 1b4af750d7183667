from dataclasses import replace

from irg.engine import Line, SeededDraws, SlotPool, TextSampling, new_strands
from irg.model import UnifiedModel


def test_a_line_is_finished_by_its_end_or_by_its_length(model: UnifiedModel) -> None:
    (strand,) = new_strands(SlotPool(model))
    line = Line(strand, TextSampling(max_tokens=2), SeededDraws(0), unread=7)
    assert not line.finished and not line.capped
    full = replace(line, ids=(3, 4))
    assert full.finished and full.capped
    ended = replace(full, ended=True)
    assert ended.finished and not ended.capped
