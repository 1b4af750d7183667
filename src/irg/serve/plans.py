"""The plans of steps that requests may name: those that come with irg, and those of a folder of whoever runs
the server. What a request says is the name of a plan, never the path of a file, and nothing is fetched for
it."""

import re
from dataclasses import dataclass
from pathlib import Path

from irg.core.shipped import ENDING, PLAN, shipped
from irg.pipeline import Settings
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.start import settled
from irg.serve.fields import PLAN_NAME


@dataclass(frozen=True)
class NamedPlans:
    """Plans by their names."""

    folder: Path | None = None
    """Of the server's own, whose files go before those of the same name that come with irg."""
    usual: str | None = None
    """The plan of requests that name none and are such as it reads: its name, or its file. None: the
    checkpoint's, if it has one."""

    @property
    def files(self) -> dict[str, Path]:
        own = {} if self.folder is None else {file.stem: file for file in self.folder.glob(f"*{ENDING}")}
        return {**shipped(PLAN), **dict(sorted(own.items()))}

    def check(self, settings: Settings) -> None:
        """Raise ValueError for a plan of the server's own that is none. What its usual plan reads is fetched,
        where that is published elsewhere."""
        if self.folder is not None and not self.folder.is_dir():
            raise ValueError(f"{self.folder} is no folder: expected one with plans, NAME{ENDING}")
        for file in [] if self.folder is None else self.folder.glob(f"*{ENDING}"):
            if re.match(PLAN_NAME, file.stem) is None:
                told = (
                    "expected a name that a request can say, of up to 100 letters, digits, '.', '_' and '-'"
                )
                raise ValueError(f"{file}: {told}")
            settled(read_plan(file), settings)
        if self.usual is not None:
            settled(self.usual, settings)

    def find(self, name: str | None, settings: Settings) -> StepPlan | None:
        """The settled plan of this name, else the usual one, if there is one. Raises ValueError where there
        is none of the name, or what it reads was not fetched before."""
        if name is None:
            usual = self.usual or settings.follows
            return None if usual is None else settled(usual, settings, fetches=False)
        if (file := self.files.get(name)) is None:
            raise ValueError(f"{name!r} is no plan of this server: expected one of {', '.join(self.files)}")
        return settled(file, settings, fetches=False)
