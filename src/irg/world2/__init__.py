"""The scene world: pictures of simple objects, a grammar that asks for them, an oracle that reads them back.

`scene` says what a picture contains, `render` draws it, `request` and `grammar` ask for it and `wording` says
so in English, `fulfil` and `mend` find scenes that are what was asked for, and `oracle` reads a picture.
`plan`, `inventory`, `check`, `lessons` and `edits` put scenes in words. It needs numpy only.
"""

from irg.world2.check import Check, check, check_text
from irg.world2.check_parsing import parse_check
from irg.world2.constraints import CHALLENGES, Constraint, constraints, is_challenge
from irg.world2.edits import Alteration, changed, malform, perturb, sample_edit
from irg.world2.families import Family, infer_family
from irg.world2.fulfil import fulfil, random_scene
from irg.world2.grammar import (
    Split,
    handwritten_prompts,
    is_held_out_text,
    sample_prompt,
)
from irg.world2.inventory import Listed, SceneInventory, parse_seen, posed, seen_text, take_inventory
from irg.world2.lessons import questions
from irg.world2.matching import Seating, assignments, fulfils
from irg.world2.mend import mend
from irg.world2.oracle import read
from irg.world2.overlap import Overlap, Stacking, stackings
from irg.world2.parsing import OutsideWorld, parse
from irg.world2.plan import ScenePlan, parse_plan, plan_of, plan_text
from irg.world2.reading import ObjectReading, Reading, clear_reading, same_content
from irg.world2.render import render
from irg.world2.request import CountOrder, Group, Link, Request, SpatialRelation, requires_held_out
from irg.world2.sampling import sample_challenge, sample_request
from irg.world2.scene import (
    Background,
    Colour,
    Looks,
    Pose,
    Scene,
    SceneObject,
    Shape,
    Size,
    Texture,
    Zone,
    is_held_out,
)
from irg.world2.verdict import Judgement, judge, repair
from irg.world2.vocabulary import vocabulary, vocabulary_lessons, words_in
from irg.world2.wording import phrase

__all__ = [
    "CHALLENGES",
    "Alteration",
    "Background",
    "Check",
    "Colour",
    "Constraint",
    "CountOrder",
    "Family",
    "Group",
    "Judgement",
    "Link",
    "Listed",
    "Looks",
    "ObjectReading",
    "OutsideWorld",
    "Overlap",
    "Pose",
    "Reading",
    "Request",
    "Scene",
    "SceneInventory",
    "SceneObject",
    "ScenePlan",
    "Seating",
    "Shape",
    "Size",
    "SpatialRelation",
    "Split",
    "Stacking",
    "Texture",
    "Zone",
    "assignments",
    "changed",
    "check",
    "check_text",
    "clear_reading",
    "constraints",
    "fulfil",
    "fulfils",
    "handwritten_prompts",
    "infer_family",
    "is_challenge",
    "is_held_out",
    "is_held_out_text",
    "judge",
    "malform",
    "mend",
    "parse",
    "parse_check",
    "parse_plan",
    "parse_seen",
    "perturb",
    "phrase",
    "plan_of",
    "plan_text",
    "posed",
    "questions",
    "random_scene",
    "read",
    "render",
    "repair",
    "requires_held_out",
    "same_content",
    "sample_challenge",
    "sample_edit",
    "sample_prompt",
    "sample_request",
    "seen_text",
    "stackings",
    "take_inventory",
    "vocabulary",
    "vocabulary_lessons",
    "words_in",
]
