"""From a recipe to a job: the stages it names, ready to run, with nothing loaded yet.

Cheap enough to be done in every process that runs a stage.
"""

from irg.curate.contamination import Guard
from irg.curate.draw import Draw, Flawing
from irg.curate.emit import EmitSettings
from irg.curate.filters import Filter
from irg.curate.flow import Job, Selector
from irg.curate.improve import CheckpointImprove
from irg.curate.looks import Looks
from irg.curate.oracle import OracleImprove, OracleJudge, OracleReflect, OracleThink
from irg.curate.prompts import FilePrompts, ScenePrompts
from irg.curate.propose import Prompts, Proposer, Proposing
from irg.curate.recipe import CheckpointImproves, CurateRecipe, GrammarPropose, OracleThinks
from irg.curate.runner import Limits
from irg.curate.select import Select
from irg.curate.stage import AnyStage
from irg.curate.student import Student
from irg.curate.texts import prompt_files, read_prompts
from irg.curate.work import Store


def build_job(recipe: CurateRecipe) -> Job:
    """All of a run. Its work lies in the recipe's folder."""
    store = Store(recipe.out / "work")
    proposing = Proposing(recipe.propose.count, recipe.shard, recipe.propose.repeats)
    proposer = Proposer(build_prompts(recipe), build_guard(recipe), proposing, store)
    return Job(proposer, build_stages(recipe), Selector(store, Select(recipe.select)), store)


def build_prompts(recipe: CurateRecipe) -> Prompts:
    propose = recipe.propose
    if isinstance(propose, GrammarPropose):
        return ScenePrompts(propose.families, recipe.seed)
    return FilePrompts(propose.files, propose.fields, propose.licence)


def build_guard(recipe: CurateRecipe) -> Guard:
    against = recipe.propose.contamination
    files = prompt_files(against.files)
    texts = tuple(text for file in files for text in read_prompts(file, against.fields))
    return Guard(texts, against.ngram, against.overlap, against.scenes)


def build_stages(recipe: CurateRecipe) -> tuple[AnyStage, ...]:
    """The stages between proposing and selecting, in order."""
    draw, improve = recipe.draw, recipe.improve
    stages: list[AnyStage] = []
    if isinstance(recipe.think, OracleThinks):
        stages.append(OracleThink(recipe.think.student, recipe.seed))
    stages.append(Draw(Student(draw), draw.candidates, Flawing(draw.flawed, draw.untouched), recipe.seed))
    if isinstance(improve, CheckpointImproves):
        stages.append(CheckpointImprove(Student(improve), improve.turns, recipe.seed))
    else:
        stages.append(OracleImprove(improve.choice, recipe.seed))
    stages += [OracleJudge(), OracleReflect(), Filter(recipe.filter)]
    if recipe.looks.wanted:
        stages.append(Looks(recipe.looks))
    return tuple(stages)


def build_limits(recipe: CurateRecipe) -> Limits:
    return Limits(recipe.run.shards, recipe.run.cpu, recipe.run.device)


def build_emit(recipe: CurateRecipe) -> EmitSettings:
    """The system prompt is the student's: traces teach what it will be asked."""
    return EmitSettings(
        recipe.emit.held_out, recipe.emit.jpeg_quality, Student(recipe.draw).settings.system_prompt
    )
