"""The scene world at the command line: prompts are checked before, and images judged after they are drawn.

For models whose settings name that world; of prompts to any other model nothing is known here.
"""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from irg.core.trace import Verdict
from irg.terminal import err
from irg.world import OutsideWorld, Request, judge, parse, read
from irg.world.scene import IMAGE_SIZE

if TYPE_CHECKING:
    from irg.pipeline import Settings

_LONGEST_PROMPT = 300

_ADVICE = """This model knows no other world. For any other prompt load a real checkpoint, for example
  --model ByteDance-Seed/BAGEL-7B-MoT
or pass --force to see what this one makes of it."""


def request_of(prompt: str, settings: "Settings", force: bool, say: bool = False) -> Request | None:
    """What a prompt asks for, in the model's own world; None where no world is known or the prompt is forced,
    of which those outside are told if one is to `say` so.

    Raises ValueError for a prompt outside the world, saying what is in it and what to do.
    """
    if settings.world is None:
        return None
    try:
        if len(prompt) > _LONGEST_PROMPT:
            raise OutsideWorld(f"The prompt has {len(prompt):,} characters; one short sentence is expected.")
        return parse(prompt)
    except OutsideWorld as outside:
        if force:
            if say:
                err.print(
                    f"this prompt is outside the model's world: {outside}", style="yellow", markup=False
                )
            return None
        raise ValueError(f"this prompt is outside the model's world. {outside}\n{_ADVICE}") from outside


def verdict(request: Request | None, image: Image.Image) -> Verdict | None:
    """What the oracle says of an image; None without a request, or for a size that it does not read."""
    if request is None or image.size != (IMAGE_SIZE, IMAGE_SIZE):
        return None
    return Verdict.of(judge(request, read(np.asarray(image))))
