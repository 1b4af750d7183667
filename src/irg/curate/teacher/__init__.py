"""Teachers and judges behind endpoints: stages that ask a model, and the source of prompts that does."""

from irg.curate.teacher.improve import EndpointImprove, Improvement
from irg.curate.teacher.judge import JudgeSettings, TeacherJudge
from irg.curate.teacher.prompts import TeacherPrompts
from irg.curate.teacher.templates import read_templates
from irg.curate.teacher.texts import TeacherReflect, TeacherThink

__all__ = [
    "EndpointImprove",
    "Improvement",
    "JudgeSettings",
    "TeacherJudge",
    "TeacherPrompts",
    "TeacherReflect",
    "TeacherThink",
    "read_templates",
]
