"""Which functions read a file or an answer, by the source, and which of them the parsers come through."""

import ast
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import irg
from tests.stress.fuzz import Parser

SOURCE = Path(irg.__file__).parent
_CALLS = frozenset(
    {
        *("read_text", "read_bytes", "read_lines", "read_json", "parse_json", "finite_json", "loads"),
        *("safe_open", "load_file", "ParquetFile", "read_schema", "read_table", "DictReader", "table_rows"),
        *("from_file", "validate_json", "model_validate_json", "parse_yaml", "safe_load", "read_recipe"),
        *("urlopen", "executescript", "iterdump"),
    }
)
"""What reads, by the name that is called, whatever it is called on."""
_OF = frozenset({("json", "load"), ("torch", "load"), ("np", "load"), ("Image", "open"), ("tarfile", "open")})
"""What reads under a name that means something else elsewhere."""

Place = str
"""A function as `room/file.py:name`."""


def readers() -> dict[Place, tuple[Path, int]]:
    """All functions of the package that read, with their files and first lines."""
    found: dict[Place, tuple[Path, int]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        for function, called in _calls(ast.parse(path.read_text()), None):
            if function is not None and _reads(called):
                first = min([function.lineno, *(one.lineno for one in function.decorator_list)])
                found[f"{name}:{function.name}"] = path, first
    return found


def come_through(parsers: Sequence[Parser], folder: Path) -> set[tuple[Path, int]]:
    """The functions of the package, by file and first line, that run when the parsers read their samples."""
    with _watched() as codes:
        for number, one in enumerate(parsers):
            place = folder / f"{number}"
            place.mkdir()
            samples, read = one.open(place)
            for data in samples:
                read(data)
    return {(Path(code.co_filename), code.co_firstlineno) for code in codes}


@contextmanager
def _watched() -> Iterator[set[CodeType]]:
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        seen.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _calls(node: ast.AST, within: _Function | None) -> Iterator[tuple[_Function | None, ast.Call]]:
    """All calls, each with the function that it stands in."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        within = node
    if isinstance(node, ast.Call):
        yield within, node
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, within)


def _reads(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="open"):
            return _opens_to_read(call.args[1:])
        case ast.Attribute(attr="open", value=ast.Name(id=owner)) if (owner, "open") in _OF:
            return _opens_to_read(call.args[1:])
        case ast.Attribute(attr="open"):
            return bool(call.args or call.keywords) and _opens_to_read(call.args)
        case ast.Attribute(attr=name, value=ast.Name(id=owner)) if (owner, name) in _OF:
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _CALLS
    return False


def _opens_to_read(mode: Sequence[ast.expr]) -> bool:
    match mode:
        case [ast.Constant(value=str() as text), *_]:
            return "r" in text and "w" not in text
    return True


_OWN = "a recipe or a text of the package, or of this user, of which the reader has a fuzzer"
_HASHED = "bytes that are hashed or compared, and not read"
_BYTES = "bytes of a picture, which only the reader of pictures looks into"
WITHOUT: dict[Place, str] = {
    "bench/program.py:__init__": _HASHED,
    "bench/program.py:_judged": _HASHED,
    "bench/oneig/process.py:__init__": _HASHED,
    "bench/oneig/process.py:diversity": "a picture that we wrote, in the environment of the official code",
    "bench/oneig/process.py:references": "a file of the official checkout, in its own environment",
    "bench/oneig/process.py:do_POST": "what our own client asks; whatever it raises is its answer",
    "bench/runs.py:_drawn_picture": _BYTES,
    "bench/sources.py:_fetch": "bytes that are written, and hashed then",
    "bench/wise/editions.py:_rows": "what no command calls: it does as the official calculator does",
    "cli/batch.py:read_prompts": "lines of text",
    "cli/batch.py:_is_done": "JSON that was written a line before",
    "cli/bench_files.py:export": "a benchmark run: the reader of runs has a fuzzer",
    "cli/bench_run.py:score": "a benchmark run: the reader of runs has a fuzzer",
    "cli/bench_run.py:_draw_and_score": "a benchmark run: the reader of runs has a fuzzer",
    "cli/curate.py:run": _OWN,
    "cli/export.py:export": _OWN,
    "cli/generate.py:_generate_many": _HASHED,
    "cli/plan.py:show": _OWN,
    "cli/publish.py:export": _OWN,
    "cli/publish.py:checkpoint": _OWN,
    "cli/recipe.py:show": _OWN,
    "cli/recipe.py:copy": _OWN,
    "cli/recipe.py:_known": _OWN,
    "cli/rl.py:rl": _OWN,
    "cli/train.py:train": _OWN,
    "core/reading.py:_file": _BYTES,
    "core/shipped.py:comes_with_irg": _HASHED,
    "curate/recipe.py:read_recipe": _OWN,
    "curate/session.py:_mended": _OWN,
    "data/foreign/listed.py:_is_list": "the first byte",
    "data/rows.py:check_storage": "a byte, to see that the disk is there",
    "model/device.py:free_memory": "what the kernel says",
    "pipeline/episode.py:think": "lines that a model writes",
    "pipeline/fit.py:memory_of_process": "what the kernel says",
    "pipeline/overview.py:is_overview": _HASHED,
    "pipeline/plans/course.py:wrote": "a text that a model wrote, and a plan's words take apart",
    "pipeline/plans/course.py:told": "a text that a person said, taken apart as the model's are",
    "pipeline/plans/systems.py:_fetched": "a text, which is held to its hash",
    "report/plots.py:refuse_to_replace": _HASHED,
    "rl/run.py:read_recipe": _OWN,
    "run/checkpoint.py:load": "a state: the readers of its files have fuzzers",
    "run/checkpoint.py:__init__": "JSON that was written a line before",
    "run/export.py:_check_model": "a state: the reader of it has a fuzzer",
    "run/metrics.py:_wandb": "a name in a file of one line",
    "run/storage.py:sync": "nothing is read: the folder is opened to be written through",
    "scorers/clip_t5.py:from_folder": "a configuration that transformers reads",
    "scorers/weights.py:_ends": _HASHED,
    "serve/gate.py:refuse": "JSON that was written a line before",
    "serve/page.py:asset": "files of the package",
    "serve/images.py:_put": "a field of a request: the reader of JSON has a fuzzer",
    "serve/protocol.py:receive": "what processes of one server send to one another",
    "serve/responses.py:_keep": "what the server keeps in its memory",
    "serve/responses.py:asked": "what the server keeps in its memory",
    "serve/scheduler.py:_finished": "lines that a model writes",
    "train/recipes.py:read_recipe": _OWN,
}
"""Functions that read, and need no fuzzer, with the reason."""
