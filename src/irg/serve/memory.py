"""What a request takes up at most, and what there is: a request is let in only where its context fits.

context   keys and values of the episode, once for each branch of guidance that is evaluated, in slots
          that may be held by the turn before as well
working   what one pass of drawing needs, or the autoencoder to decode a picture, whichever is more
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from irg.core import Grid
from irg.core.segment import DELIMITERS
from irg.engine.pool import GROWTH
from irg.model import ModelConfig
from irg.model.device import free_memory
from irg.pipeline import Plan, Settings
from irg.pipeline.plans.extent import PlanExtent

SHARE = 0.4
"""Of the memory that is free when a model is loaded. As much again may be lost to slabs of which only a slot
is held."""
_UNKNOWN = 4 << 30
"""Taken for free where nothing tells what is."""


def budget_of(device: torch.device) -> int:
    """Bytes that contexts may take up on a device whose model is loaded."""
    return int(SHARE * (free_memory(device) or _UNKNOWN))


@dataclass(frozen=True)
class Sizes:
    """What decides on how much memory requests take."""

    config: ModelConfig
    settings: Settings
    dtype: torch.dtype

    def picture_tokens(self, width: int, height: int) -> int:
        """Of a picture that is read, as CLEAN and as VIEW."""
        size = self.settings.clean.size(width, height)
        clean = Grid.of(size, self.config.pixels_per_latent).num_tokens + DELIMITERS
        return (
            clean + Grid.of(self.settings.view.size(*size), self.config.vision.patch).num_tokens + DELIMITERS
        )

    def room(self, plan: Plan, num_tokens: int, is_resumed: bool = False) -> int:
        """Tokens of an episode that begins with so many; a resumed one looks at a picture first."""
        drawn = plan.grid(self.config).num_tokens + DELIMITERS
        looks = (len(plan.turns) - 1 + is_resumed) * self.picture_tokens(plan.width, plan.height)
        return num_tokens + len(plan.turns) * (plan.text.max_tokens + DELIMITERS) + looks + drawn

    def footprint(self, plan: Plan, room: int, draws: bool = True) -> int:
        """Bytes at most of an episode with room for so many tokens."""
        guidances = [turn.guidance for turn in plan.turns] if draws else []
        has_text = any(one.text_scale != 1 for one in guidances)
        has_image = any(one.image_scale != 1 for one in guidances)
        slots = 1 + has_text + 2 * has_image
        drawn = plan.grid(self.config).num_tokens + DELIMITERS
        rows = (1 + has_text + has_image) * drawn if draws else room
        return self._bytes([room] * slots, rows, plan.width * plan.height if draws else 0)

    def plan_footprint(self, extent: PlanExtent) -> int:
        """Bytes at most of an episode of a plan of steps. A context may lie in a slot that grew to twice what
        it needs, while the slot before it is still held."""
        contexts, (width, height) = extent.contexts, extent.size
        draws = extent.plan.num_images > 0
        drawn = self.config.grid_of(width, height).num_tokens + DELIMITERS if draws else 0
        rooms = [room for room in contexts for _ in range(3)]
        return self._bytes(rooms, max(3 * drawn, contexts[0]), width * height if draws else 0)

    def _bytes(self, rooms: Sequence[int], rows: int, pixels: int) -> int:
        """Of slots with room for so many tokens, and of a pass over so many rows, or the decoding of so many
        pixels."""
        decoder, size = self.config.decoder, self.dtype.itemsize
        per_token = 2 * decoder.num_layers * decoder.num_kv_heads * decoder.head_width * size
        context = per_token * sum(-(-room // GROWTH) * GROWTH for room in rooms)
        passing = rows * (3 * decoder.mlp_width + 8 * decoder.width) * size
        decoding = 4 * pixels * self.config.autoencoder.channels[1] * size
        return context + max(passing, decoding)
