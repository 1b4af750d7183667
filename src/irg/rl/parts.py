"""The parts that rewards are composed of: each grades pictures in its own way, and tells where it cannot."""

import asyncio
import base64
import importlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from irg.core.digest import digest_of
from irg.endpoint import Account, ChatRequest, Endpoint, EndpointError, Message
from irg.endpoint.structured import UnfitAnswerError
from irg.rl.rewards import (
    FunctionRewardSettings,
    GenevalRewardSettings,
    Grade,
    GradedPicture,
    JudgeRewardSettings,
    NoGrade,
    RewardPart,
    Rewards,
    RewardSettings,
    SceneRewardSettings,
    ServiceRewardSettings,
    VqaRewardSettings,
    WeighedPart,
    checked,
)
from irg.scorers.geneval.asked import check_facts
from irg.scorers.geneval.finder import ObjectFinder
from irg.scorers.geneval.grading import grade_objects
from irg.scorers.http import ScorerFailed, ScorerGone, exchange
from irg.world import OutsideWorld, grade, parse, read

_GRADE_PATH = "/grade"
_ASKED = (
    "Here is a picture that was drawn for this request:\n\n{prompt}\n\nHow much of the request does it show? "
    "Look at every object, count, colour, place and relation that is asked for. Answer with one line, "
    '"Grade: N", where N is a whole number from 0 (nothing of it) to 10 (all of it, and nothing wrong).'
)
_SAID = re.compile(r"Grade:\s*(10|\d)\b", re.IGNORECASE)


def rewards_of(settings: Iterable[RewardSettings], out: Path) -> Rewards:
    """The parts that a recipe names, with what they answered in the run's folder. Raises ValueError for what
    cannot be had: no such function, no address, no weights."""
    parts = [WeighedPart(_part(one, out), one.weight) for one in settings]
    return Rewards(parts, out / "rewards.sqlite")


def _part(settings: RewardSettings, out: Path) -> RewardPart:
    match settings:
        case SceneRewardSettings():
            return ScenePart()
        case FunctionRewardSettings():
            return FunctionPart(settings)
        case ServiceRewardSettings():
            return ServicePart(settings)
        case JudgeRewardSettings():
            return JudgePart(settings, out)
        case VqaRewardSettings():
            return VqaPart(settings)
        case GenevalRewardSettings():
            return GenevalPart.load(settings)


class ScenePart:
    """The oracle of the scene world."""

    name = "scene"
    identity: Mapping[str, Any] = {"part": "scene", "version": 1}

    def __call__(self, shown: Sequence[GradedPicture]) -> list[Grade]:
        return [self._one(one) for one in shown]

    def _one(self, shown: GradedPicture) -> Grade:
        try:
            return grade(parse(shown.prompt), read(np.asarray(shown.picture.open())))
        except OutsideWorld as outside:
            return NoGrade("outside the scene world", str(outside))
        except ValueError as unread:
            return NoGrade("not of the scene world", str(unread))


class FunctionPart:
    """Python of the user's own. Raises ValueError where it is not to be found."""

    def __init__(self, settings: FunctionRewardSettings) -> None:
        self.name = settings.function
        self.identity = {"part": "function", "function": settings.function, "version": settings.version}
        module, _, name = settings.function.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as missing:
            raise ValueError(
                f"reward {settings.function}: {missing}; expected a function of a module that Python finds: "
                "PYTHONPATH=. for one in this folder"
            ) from missing
        if not callable(found):
            raise ValueError(f"reward {settings.function}: {type(found).__name__}, expected a function")
        self._function: Callable[..., Any] = found

    def __call__(self, shown: Sequence[GradedPicture]) -> list[Grade]:
        return [self._one(one) for one in shown]

    def _one(self, shown: GradedPicture) -> Grade:
        try:
            return self._function(shown)
        except Exception as failed:  # whatever it raises: it is told, and the run goes on
            return NoGrade(f"raised {type(failed).__name__}", str(failed))


class ServicePart:
    """A service of the user's own, asked about several pictures at once, and again where it says nothing."""

    def __init__(self, settings: ServiceRewardSettings) -> None:
        self.name, self.settings = settings.address, settings
        self.identity = {"part": "service", "address": settings.address, "version": settings.version}

    def __call__(self, shown: Sequence[GradedPicture]) -> list[Grade]:
        with ThreadPoolExecutor(self.settings.at_once) as pool:
            return list(pool.map(self._one, shown))

    def _one(self, shown: GradedPicture) -> Grade:
        picture = base64.b64encode(shown.picture.data).decode()
        content = {"prompt": shown.prompt, "thought": shown.thought, "picture": picture}
        body = json.dumps(content | {"facts": dict(shown.facts)}).encode()
        address, failure = self.settings.address.rstrip("/"), NoGrade("not asked")
        for attempt in range(self.settings.attempts):
            if attempt:
                time.sleep(self.settings.wait * 2 ** (attempt - 1))
            try:
                grade = exchange(address, _GRADE_PATH, body, self.settings.seconds).get("grade")
            except ScorerFailed as failed:
                failure = NoGrade("gone" if isinstance(failed, ScorerGone) else "failed", str(failed))
                continue
            if not isinstance(failure := checked(grade), NoGrade):
                return failure
        return failure


class JudgePart:
    """A vision-language model behind an endpoint, which keeps answers and costs in an account of its own."""

    def __init__(self, settings: JudgeRewardSettings, out: Path) -> None:
        self.name, self.settings = settings.endpoint.model, settings
        self.identity = {
            "part": "judge",
            "model": settings.endpoint.model,
            "extra": settings.endpoint.extra,
            "max_tokens": settings.max_tokens,
            "template": digest_of(_ASKED)[:16],
        }
        account = Account(
            folder=out / "judge",
            name="rewards",
            max_cost=settings.max_cost,
            max_requests=settings.max_requests,
        )
        self.endpoint = Endpoint(settings.endpoint, account)
        self.endpoint.check()

    def __call__(self, shown: Sequence[GradedPicture]) -> list[Grade]:
        return asyncio.run(self._all(shown))

    async def _all(self, shown: Sequence[GradedPicture]) -> list[Grade]:
        async with self.endpoint.open():
            return await asyncio.gather(*(self._one(one) for one in shown))

    async def _one(self, shown: GradedPicture) -> Grade:
        message = Message("user", (_ASKED.format(prompt=shown.prompt), shown.picture))
        request = ChatRequest((message,), self.settings.max_tokens, "reward", temperature=0.0)
        try:
            return (await self.endpoint.read(request, read_grade)).value
        except EndpointError as failed:
            return NoGrade(str(failed.reason), failed.detail)


class VqaPart:
    """VQAScore, loaded when it is first asked."""

    name = "vqascore"

    def __init__(self, settings: VqaRewardSettings) -> None:
        from irg.scorers.vqascore import USUAL_VQASCORE, VqaScore

        self._scorer = VqaScore.load(settings.model or USUAL_VQASCORE, settings.device)
        self.identity = {"part": "vqascore", **self._scorer.identity}

    def __call__(self, shown: Sequence[GradedPicture]) -> list[Grade]:
        from irg.scorers.vqascore import score_of

        logs = [self._scorer(one.picture.open(), one.prompt) for one in shown]
        return [score_of(torch.tensor(one)).item() for one in logs]


class GenevalPart:
    """GenEval's scorer."""

    name = "geneval"

    def __init__(self, find: ObjectFinder) -> None:
        self._find = find
        self.identity = {"part": "geneval", "version": 1, **find.identity}

    @classmethod
    def load(cls, settings: GenevalRewardSettings) -> "GenevalPart":
        from irg.scorers.clip import USUAL_CLIP, Clip
        from irg.scorers.detector import USUAL_DETECTOR, InstanceDetector

        detector = InstanceDetector.load(settings.detector or USUAL_DETECTOR, settings.device)
        return cls(ObjectFinder(detector, Clip.load(settings.clip or USUAL_CLIP, settings.device)))

    def __call__(self, shown: Sequence[GradedPicture]) -> list[Grade]:
        return [self._one(one) for one in shown]

    def _one(self, shown: GradedPicture) -> Grade:
        asked = {"prompt": shown.prompt, **shown.facts}
        try:
            check_facts(asked, "the prompt's line")
        except ValueError as wrong:
            return NoGrade("not of GenEval's form", str(wrong))
        return grade_objects(asked, self._find(shown.picture.open(), asked))


def read_grade(text: str) -> float:
    """Of a judge's answer, from 0 to 1: the last grade that it names. Raises UnfitAnswerError where it names
    none."""
    if not (found := _SAID.findall(text)):
        raise UnfitAnswerError('no line such as "Grade: 7"')
    return int(found[-1]) / 10
