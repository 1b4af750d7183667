"""What strands hold, as numbers."""

from collections.abc import Sequence

import torch

from irg.core import Document, Kind, SpecialTokens, pack
from irg.engine import Strand
from irg.engine.attend import StrandAttend, parts_of
from irg.engine.strand import with_room
from irg.model import UnifiedModel
from tests.samples import Sampler


def held(strand: Strand) -> torch.Tensor:
    """Its cached keys and values [L, 2, S, G, K]."""
    return strand.slot.slab.pairs[:, :, strand.slot.row, : strand.length].clone()


def outlook(model: UnifiedModel, strands: Sequence[Strand], special: SpecialTokens) -> torch.Tensor:
    """What a noisy image would become behind each strand, [strands, N, V]: something of all that it holds."""
    noisy = Sampler(99, model.config).image(Kind.NOISY, 2, 2)
    ready = with_room(strands, [noisy.num_tokens] * len(strands))
    packed = pack([Document((noisy,))] * len(ready), special, [strand.position for strand in ready])
    velocity = model.velocity(packed, StrandAttend(ready, [parts_of([noisy])] * len(ready)))
    return velocity.unflatten(0, (len(ready), -1))
