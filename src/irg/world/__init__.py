"""The scene world: pictures of simple objects, a grammar that asks for them, an oracle that reads them back.

`scene` says what a picture contains, `render` draws it, `grammar` asks for it, `language` puts it in words,
and `oracle` reads a picture, judges it and says what to change. It needs numpy, and nothing else of irg.
"""

from irg.world.edits import malform
from irg.world.grammar import (
    Direction,
    Family,
    Group,
    OutsideWorld,
    Request,
    Split,
    fulfil,
    fulfils,
    parse,
    phrase,
    random_scene,
    sample_prompt,
    sample_request,
)
from irg.world.language import (
    Flaw,
    FlawKind,
    caption,
    compare,
    parse_reflection,
    parse_thought,
    questions,
    reflection,
    sample_edit,
    thought,
)
from irg.world.oracle import ObjectReading, Reading, judge, perturb, read, repair
from irg.world.render import render
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Zone, is_held_out

__all__ = [
    "Background",
    "Colour",
    "Direction",
    "Family",
    "Flaw",
    "FlawKind",
    "Group",
    "ObjectReading",
    "OutsideWorld",
    "Pose",
    "Reading",
    "Request",
    "Scene",
    "SceneObject",
    "Shape",
    "Size",
    "Split",
    "Zone",
    "caption",
    "compare",
    "fulfil",
    "fulfils",
    "is_held_out",
    "judge",
    "malform",
    "parse",
    "parse_reflection",
    "parse_thought",
    "perturb",
    "phrase",
    "questions",
    "random_scene",
    "read",
    "reflection",
    "render",
    "repair",
    "sample_edit",
    "sample_prompt",
    "sample_request",
    "thought",
]
