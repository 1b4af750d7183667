"""Reading plan files, by path or by the name of one that comes with the package."""

import json
from pathlib import Path
from typing import Any

from irg.core.files import inside
from irg.core.settings import checked
from irg.core.shipped import PLAN, found
from irg.core.yaml_file import lines_of, read_mapping
from irg.pipeline.plans.plan_file import StepPlan, SystemSource


def read_plan(name: str | Path) -> StepPlan:
    """The plan of a file, or the shipped one of this name. Files that it names lie beside it. Raises
    ValueError with all that is wrong, and the line on which it stands."""
    path = found(Path(name), PLAN)
    content, text = read_mapping(path, "plan")
    plan = checked(StepPlan, content, str(path), lines_of(text))
    systems = {name: _beside(path, source) for name, source in plan.systems.items()}
    return plan.changed(system=_beside(path, plan.system), systems=systems)


def schema() -> str:
    """The JSON schema of plan files."""
    return json.dumps(StepPlan.model_json_schema(), indent=1) + "\n"


def _beside(path: Path, source: Any) -> Any:
    if isinstance(source, SystemSource) and source.file is not None:
        return source.model_copy(update={"file": inside(path.parent, str(source.file))})
    return source
