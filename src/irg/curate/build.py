"""From a recipe to a job: the stages it names, ready to run, with nothing loaded or opened yet."""

from functools import cached_property

from irg.curate import parts
from irg.curate.contamination import Guard
from irg.curate.draw import Draw
from irg.curate.emit import ANSWERS
from irg.curate.filters import Filter
from irg.curate.improve import CheckpointImprove, GivenImprove
from irg.curate.looks import Looks
from irg.curate.oracle import OracleImprove, OracleJudge, OracleReflect, OracleThink
from irg.curate.prompts import FilePrompts, ScenePrompts
from irg.curate.propose import Prompts, Proposer, Proposing
from irg.curate.recipe import CurateRecipe
from irg.curate.records import TraceRecord, work_of
from irg.curate.select import Select
from irg.curate.student import Student
from irg.curate.teacher import (
    EndpointImprove,
    TeacherJudge,
    TeacherPrompts,
    TeacherReflect,
    TeacherThink,
    read_templates,
)
from irg.endpoint import Account, EndpointError, NoAnswer
from irg.endpoint.asking import AskingStage, Respondent
from irg.stages.flow import Job, Selector
from irg.stages.stage import AnyStage
from irg.stages.store import Store


def build_stages(recipe: CurateRecipe) -> tuple[AnyStage, ...]:
    """The stages between proposing and selecting, in order, for a worker that has nothing but the recipe."""
    return Build(recipe).stages


class Build:
    """The objects of one recipe, each made when it is first asked for."""

    def __init__(self, recipe: CurateRecipe) -> None:
        self.recipe = recipe
        self._teachers: dict[str, Respondent] = {}

    @cached_property
    def job(self) -> Job:
        """The whole run. Its work lies in the recipe's folder."""
        selector = Selector(self.store, Select(self.recipe.select))
        return Job(self.proposer, self.stages, selector, self.store)

    @cached_property
    def store(self) -> Store[TraceRecord]:
        """What every stage made."""
        return work_of(self.recipe.out)

    @cached_property
    def prompts(self) -> Prompts:
        propose, seed = self.recipe.propose, self.recipe.seed
        match propose:
            case parts.GrammarProposes():
                return ScenePrompts(propose.families, seed)
            case parts.FilesPropose():
                return FilePrompts(propose.files, propose.fields, propose.licence, propose.image)
            case parts.TeacherProposes():
                teacher = self.teacher(propose.teacher)
                return TeacherPrompts(teacher, propose.subjects, propose.batch, propose.licence, seed)

    @cached_property
    def proposer(self) -> Proposer:
        """The source of the records."""
        propose = self.recipe.propose
        guard = Guard(propose.contamination.benchmarks, propose.contamination)
        proposing = Proposing(propose.count, self.recipe.shard, propose.repeats)
        return Proposer(self.prompts, guard, proposing, self.store)

    @cached_property
    def stages(self) -> tuple[AnyStage, ...]:
        """The stages between proposing and selecting, in order."""
        made = [self._think(), self._draw(), self._improve(), self._judge(), self._reflect()]
        made.append(Filter(self.recipe.filter))
        if self.recipe.looks.wanted:
            made.append(Looks(self.recipe.looks))
        return tuple(stage for stage in made if stage is not None)

    @property
    def system_prompt(self) -> str:
        """The student's: traces teach what it will be asked."""
        return Student(self.recipe.draw).checkpoint.settings.system_prompt

    @cached_property
    def account(self) -> Account:
        """What all endpoints of the run are charged to, and where their answers are kept."""
        return Account(folder=self.recipe.out / ANSWERS, **self.recipe.budget.model_dump())

    def teacher(self, name: str) -> Respondent:
        """One object per name, so that what it has in flight is bounded over all stages."""
        if name not in self._teachers:
            part = self.recipe.teachers[name]
            templates = read_templates(part.templates)
            self._teachers[name] = Respondent(part.endpoint, self.account, templates, part.sampling)
        return self._teachers[name]

    def check(self) -> None:
        """Raises ValueError for what would end the run before its first question to an endpoint."""
        for name in self.recipe.asked:
            self.teacher(name).endpoint.check()

    async def probe(self) -> None:
        """Ask every teacher one question, in every way that the stages do. Raises ValueError, with the
        server's own words, where there is no answer."""
        for part in (self.prompts, *self.stages):
            if isinstance(part, AskingStage | TeacherPrompts):
                await _probe(part)

    def _think(self) -> AnyStage | None:
        think, seed = self.recipe.think, self.recipe.seed
        match think:
            case parts.OracleThinks():
                return OracleThink(think.student, seed)
            case parts.TeacherThinks():
                teacher = self.teacher(think.teacher)
                return TeacherThink(teacher, think.look, think.words, think.student, seed)
            case parts.StudentThinks():
                return None

    def _draw(self) -> AnyStage:
        draw = self.recipe.draw
        return Draw(Student(draw), draw.candidates, draw.flawed, draw.untouched, self.recipe.seed)

    def _improve(self) -> AnyStage:
        improve, seed = self.recipe.improve, self.recipe.seed
        match improve:
            case parts.OracleImproves():
                return OracleImprove(improve.choice, seed)
            case parts.CheckpointImproves():
                return CheckpointImprove(Student(improve), improve.turns, seed)
            case parts.TeacherImproves():
                return EndpointImprove(self.teacher(improve.teacher), improve.size, improve.how, seed)
            case parts.GivenImproves():
                return GivenImprove()

    def _judge(self) -> AnyStage:
        judge = self.recipe.judge
        if isinstance(judge, parts.OracleJudges):
            return OracleJudge()
        return TeacherJudge(self.teacher(judge.teacher), judge, self.recipe.seed)

    def _reflect(self) -> AnyStage:
        reflect = self.recipe.reflect
        if isinstance(reflect, parts.OracleReflects):
            return OracleReflect()
        return TeacherReflect(self.teacher(reflect.teacher), self.recipe.seed)


async def _probe(part: AskingStage | TeacherPrompts) -> None:
    try:
        await part.probe()
    except EndpointError as failure:
        if failure.reason is NoAnswer.BUDGET:
            return  # what is known already can be gone on with
        asked = part.teacher.endpoint.settings
        raise ValueError(
            f"{asked.model} at {asked.base_url} does not answer a first question: {failure}. Nothing else "
            "was asked: see base_url, model, key_env, structured, limit_name, stream, extra of its endpoint"
        ) from failure
