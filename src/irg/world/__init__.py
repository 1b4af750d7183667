"""The scene world: pictures of simple objects, a grammar that asks for them, an oracle that reads them back.

`scene` says what a picture contains, `render` draws it, `grammar` asks for it (in the English of `wording`),
`oracle` reads a picture, `judging` says what is wrong with it and what to change, `sentences` and `lessons`
put that in words. It needs numpy, and nothing else of irg.
"""

from irg.world.edits import malform, perturb
from irg.world.flaws import Flaw, FlawKind, compare
from irg.world.grading import grade
from irg.world.grammar import Split, fulfil, random_scene, sample_prompt
from irg.world.judging import judge, repair
from irg.world.lessons import questions, sample_edit
from irg.world.oracle import read
from irg.world.reading import Reading
from irg.world.render import render
from irg.world.request import Family, Request, fulfils
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Zone, is_held_out
from irg.world.sentences import parse_reflection, parse_thought, reflection, thought
from irg.world.wording import OutsideWorld, parse

__all__ = [
    "Background",
    "Colour",
    "Family",
    "Flaw",
    "FlawKind",
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
    "compare",
    "fulfil",
    "fulfils",
    "grade",
    "is_held_out",
    "judge",
    "malform",
    "parse",
    "parse_reflection",
    "parse_thought",
    "perturb",
    "questions",
    "random_scene",
    "read",
    "reflection",
    "render",
    "repair",
    "sample_edit",
    "sample_prompt",
    "thought",
]
