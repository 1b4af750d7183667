"""Reading: strands grow by whole segments.

A batch may be ragged: a row that has nothing to read stays as it is.
"""

from collections.abc import Sequence

from irg.core import Document, Kind, Segment, SpecialTokens, pack
from irg.engine.attend import StrandAttend, parts_of
from irg.engine.strand import Strand, with_room
from irg.model import UnifiedModel


def append(
    model: UnifiedModel,
    strands: Sequence[Strand],
    documents: Sequence[tuple[Segment, ...]],
    special: SpecialTokens,
    spare: int | None = None,
) -> tuple[Strand, ...]:
    """Let every strand read some more segments; NOISY ones are refused, since nothing may see those later.

    Strands that have to go to another slot for it ask for `spare` room besides (`with_room`).
    """
    if len(documents) != len(strands):
        raise ValueError(f"{len(documents)} documents for {len(strands)} strands")
    if any(segment.kind is Kind.NOISY for document in documents for segment in document):
        raise ValueError("a NOISY segment never enters a context")
    reading = [row for row, document in enumerate(documents) if document]
    if not reading:
        return tuple(strands)
    read = [Document(tuple(documents[row])) for row in reading]
    ready = with_room([strands[row] for row in reading], [document.num_tokens for document in read], spare)
    packed = pack(read, special, [strand.position for strand in ready]).to(model.device)
    model.remember(packed, StrandAttend(ready, [parts_of(document.segments) for document in read]))
    after = list(strands)
    for row, strand, document in zip(reading, ready, read, strict=True):
        advance = sum(segment.advance for segment in document)
        after[row] = strand.advanced(document.num_tokens, advance, document.segments)
    return tuple(after)
