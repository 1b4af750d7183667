"""The scene world: pictures of simple objects, a grammar that asks for them, an oracle that reads them back.

`scene` says what a picture contains, `render` draws it, `grammar` asks for it (in the English of `wording`),
`oracle` reads a picture, `judging` says what is wrong with it and what to change, `sentences` and `lessons`
put that in words. It needs numpy, and nothing else of irg.
"""

from irg.world.edits import malform, perturb
from irg.world.flaws import Flaw, FlawKind, compare
from irg.world.grammar import Split, fulfil, random_scene, sample_prompt, sample_request
from irg.world.judging import judge, repair
from irg.world.lessons import caption, questions, sample_edit
from irg.world.oracle import read
from irg.world.reading import ObjectReading, Reading
from irg.world.render import render
from irg.world.request import Direction, Family, Group, Request, fulfils
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Zone, is_held_out
from irg.world.sentences import parse_reflection, parse_thought, reflection, thought
from irg.world.wording import OutsideWorld, parse, phrase

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
