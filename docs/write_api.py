"""Write docs/api.md, the one page that lists everything public, from the docstrings.

`python docs/write_api.py` writes it; the tests run `page()` and compare, so that it says what the code says.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import irg

PAGE = Path(__file__).parent / "api.md"
GROUPS = {
    "Load, draw, ask": ("load_pipeline", "Pipeline"),
    "What is drawn": ("Settings", "Plan", "TurnPlan", "StepPlan", "read_plan"),
    "How it is drawn": ("Guidance", "Renorm", "TextSampling", "Saving", "Solver"),
    "What came of it": ("Trace", "Turn", "Verdict", "Answered", "trace_of"),
    "Pictures and folders": ("save_episode", "save_all", "grid"),
    "What is streamed": ("ThoughtDelta", "ThoughtDone", "DenoisingStep", "ImageDone", "Done"),
    "Step by step": ("Rollout", "PlanRun"),
    "Warnings": ("OutsideWorldWarning", "OtherModelWarning"),
}
HEAD = """# The Python API

All that `from irg import ...` gives, from its docstrings (`python docs/write_api.py` writes this page).
Ten short programs stand in [examples](../examples).

Images are Pillow images in RGB, 8 bits a channel; where one is taken, so is a path, the bytes of a file, or
an array [height, width, channels]. Sizes are width and height in pixels; seeds are whole numbers of 64 bits,
of Python, numpy or torch; paths are strings or `Path`s. Wrong values raise ValueError, which names the value
and what was expected.
"""


def page() -> str:
    parts = [HEAD]
    for title, names in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [part for name in names for part in described(name, getattr(irg, name))]
    return "\n".join(parts)


def described(name: str, what: Any) -> Iterator[str]:
    """The part of a name, and those of what it has."""
    if not inspect.isclass(what):
        yield entry("###", f"{name}{signature(what)}", what)
        return
    yield entry("###", name, what)
    if listed := list(declared(what)):
        yield "\n".join(listed) + "\n"
    for below, member in public(what):
        called = "" if isinstance(member, property) else signature(member)
        yield entry("####", f"{name}.{below}{called}", member)


def public(kind: type) -> Iterator[tuple[str, Any]]:
    """Its own methods and properties, in the order in which they stand in the code."""
    for name, member in vars(kind).items():
        member = member.__func__ if isinstance(member, classmethod) else member
        is_shown = name == "__call__" or not name.startswith("_")
        if is_shown and (isinstance(member, property) or inspect.isfunction(member)):
            yield name, member


def declared(kind: type) -> Iterator[str]:
    """Its fields or members as they are declared, each with what stands below it."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)
    for node, below in zip(body.body, [*body.body[1:], None], strict=True):
        is_member = issubclass(kind, Enum) and isinstance(node, ast.Assign)
        if not is_member and not isinstance(node, ast.AnnAssign):
            continue
        if ast.unparse(node).startswith("_"):
            continue
        said = below.value if isinstance(below, ast.Expr) else None
        words = inspect.cleandoc(str(said.value)) if isinstance(said, ast.Constant) else ""
        yield f"- `{ast.unparse(node)}`" + (f": {' '.join(words.split())}" if words else "")


def entry(level: str, title: str, what: Any) -> str:
    said = inspect.getdoc(what)
    assert said, f"{title} has no docstring"
    return f"{level} `{title}`\n\n{said}\n"


def signature(function: Any) -> str:
    """Its arguments as they are written, without their types."""
    text = textwrap.dedent(inspect.getsource(function))
    (body,) = ast.parse(text).body
    assert isinstance(body, ast.FunctionDef)
    for argument in body.args.args:
        argument.annotation = None
    body.args.args = [one for one in body.args.args if one.arg not in ("self", "cls")]
    returned = f" -> {ast.unparse(body.returns)}" if body.returns else ""
    return f"({ast.unparse(body.args)}){returned}"


if __name__ == "__main__":
    PAGE.write_text(page())
