"""How many bytes a forward keeps for its backward: an estimate, counted from what each layer's code saves.

With D the width, A that of all queries, G that of all keys, F the MLP's, and b bytes per value, a token of
the decoder keeps in each layer, when nothing is computed again,

    in              float32       bfloat16     autocast
    two norms       24 D          16 D         26 D          the values in float32, normed, weighted
    norms of q, k   8 (A + G)     6 (A + G)    6 (A + G)
    attention       12 A + 8 G    6 A + 4 G    10 A + 6 G    q, k, v in row order, the result twice
    MLP             16 F          8 F          8 F           gate, its SiLU, up, their product

compiled, which computes what is cheap again, b (4 D + 4 A + 3 G + 3 F); with selective checkpointing the
layer's input and the products, b (3 D + 2 A + 2 G + 2 F); with full checkpointing only the layer's input.
Checkpointing keeps one layer's whole share besides, while that layer is gone through backwards. FlexAttention
has no matrix of scores. A patch keeps b (8 W + 2 M) in a layer of the vision tower of width W, MLP width M.
"""

from dataclasses import dataclass
from enum import Enum

from irg.model.config import DecoderConfig, ModelConfig, VisionConfig
from irg.run.flops import RowCounts
from irg.run.losses import CHUNK
from irg.run.parallel import Checkpointing, ParallelSettings, Precision


class Arithmetic(Enum):
    """What the types of values are: those of products, and those that travel between layers."""

    FLOAT32 = (4, 4)
    BFLOAT16 = (2, 2)
    AUTOCAST = (2, 4)

    @property
    def size(self) -> int:
        """Bytes of a value of a product."""
        return self.value[0]

    @property
    def stream_size(self) -> int:
        """Bytes of a value between layers."""
        return self.value[1]


@dataclass(frozen=True)
class Kept:
    """Bytes per process."""

    decoder: int
    vision: int
    logits: int
    """Of one chunk, forward and backward: as computed, in float32, and the gradients of both."""


def arithmetic_of(parallel: ParallelSettings, world: int) -> Arithmetic:
    """Float32 weights that are not sharded are cast as they are used, even if all is to be bfloat16."""
    if parallel.precision is Precision.FLOAT32:
        return Arithmetic.FLOAT32
    whole = world == 1 and parallel.master is Precision.FLOAT32
    return Arithmetic.AUTOCAST if whole or parallel.precision is Precision.AUTOCAST else Arithmetic.BFLOAT16


def kept_by_forward(
    config: ModelConfig,
    row: RowCounts,
    parallel: ParallelSettings,
    arithmetic: Arithmetic,
    adapted_inputs: int = 0,
) -> Kept:
    """What a forward over `row` keeps. `adapted_inputs` are the values of a token and layer that adapters
    read, each in float32."""
    whole = _whole_layer(config.decoder, arithmetic, parallel.compile)
    whole += 4 * adapted_inputs if arithmetic is Arithmetic.BFLOAT16 else 0
    per_token = _kept_layer(config.decoder, arithmetic, parallel.checkpointing, whole)
    decoder = config.decoder.num_layers * row.tokens * per_token
    whole_patch = arithmetic.size * (8 * config.vision.width + 2 * config.vision.mlp_width)
    per_patch = _kept_layer(config.vision, arithmetic, parallel.checkpointing, whole_patch)
    vision = config.vision.num_layers * row.patches * per_patch
    if parallel.checkpointing is not Checkpointing.NONE:
        decoder += row.tokens * whole
        vision += row.patches * whole_patch
    logits = min(row.labels, CHUNK) * config.decoder.vocabulary * (8 + 2 * arithmetic.size)
    return Kept(decoder, vision, logits)


def _kept_layer(
    config: DecoderConfig | VisionConfig, arithmetic: Arithmetic, kind: Checkpointing, whole: int
) -> int:
    """Bytes that a token keeps in a layer, of which `whole` where nothing is computed again."""
    kept = arithmetic.stream_size * config.width
    if kind is Checkpointing.NONE:
        return whole
    if kind is Checkpointing.FULL:
        return kept
    products = 6 * config.width + config.mlp_width
    if isinstance(config, DecoderConfig):
        products = 2 * (config.width + sum(_widths(config)) + config.mlp_width)
    return kept + arithmetic.size * products


def _whole_layer(config: DecoderConfig, arithmetic: Arithmetic, compiled: bool) -> int:
    """Bytes that a token keeps in a layer of which nothing is computed again."""
    queries, keys = _widths(config)
    if compiled:
        return arithmetic.size * (4 * config.width + 4 * queries + 3 * keys + 3 * config.mlp_width)
    norms, head_norms, of_queries, of_keys = {
        Arithmetic.FLOAT32: (24, 8, 12, 8),
        Arithmetic.BFLOAT16: (16, 6, 6, 4),
        Arithmetic.AUTOCAST: (26, 6, 10, 6),
    }[arithmetic]
    attention = head_norms * (queries + keys) + of_queries * queries + of_keys * keys
    return norms * config.width + attention + 4 * arithmetic.size * config.mlp_width


def _widths(config: DecoderConfig) -> tuple[int, int]:
    """Of all queries, and of all keys."""
    return config.num_heads * config.head_width, config.num_kv_heads * config.head_width
