"""docs/api.md lists all that is public, as its docstrings have it."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import irg
from docs import write_api
from irg.engine import Guidance

PAGE = write_api.PAGE.read_text()


def first_line(what: object) -> str:
    return (inspect.getdoc(what) or "").split("\n")[0]


def test_every_public_name_is_there_with_its_first_line() -> None:
    assert sorted(name for names in write_api.GROUPS.values() for name in names) == sorted(irg.__all__)
    for name in irg.__all__:
        assert first_line(getattr(irg, name)) in PAGE, name


@pytest.mark.parametrize("kind", [irg.Pipeline, irg.Plan, irg.Trace, irg.Settings, irg.Rollout])
def test_so_is_all_that_they_can_do(kind: type) -> None:
    members = {
        name: getattr(member, "__func__", member)
        for name, member in vars(kind).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property | classmethod))
    }
    assert members
    for name, member in members.items():
        assert inspect.getdoc(member), f"{kind.__name__}.{name} has no docstring"
        assert first_line(member) in PAGE, f"{kind.__name__}.{name}"


def test_the_page_is_what_the_code_says() -> None:
    assert write_api.page() == PAGE, "run python docs/write_api.py"


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, irg; heavy = {'torch', 'numpy', 'PIL', 'pydantic'} & set(sys.modules);"
        "assert not heavy, heavy; assert set(irg.__all__) <= set(dir(irg))"
    )
    source = str(Path(irg.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": source})
    assert irg.Guidance is Guidance and not hasattr(irg, "nothing")
