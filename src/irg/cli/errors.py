"""What went wrong, for a user: one message for what was expected to go wrong, None for our own mistakes."""

import typer

EXTRAS = {
    "curate": ("openai", "tenacity", "ray"),
    "train": ("peft", "torchao", "bitsandbytes", "tensorboard", "matplotlib"),
    "serve": ("fastapi", "uvicorn", "python_multipart", "prometheus_client"),
    "bench": ("transformers", "scipy", "rapidocr", "onnxruntime"),
}
"""Packages that only some commands need, by the extra that installs them."""


def explain(error: Exception) -> str | None:
    """The message to print instead of a traceback; None where the traceback is what is needed."""
    if isinstance(error, BrokenPipeError):
        return None  # the reader of our output left; typer ends quietly
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    if isinstance(error, ValueError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return _missing(error.name or "")
    from irg.model.device import is_out_of_memory

    if is_out_of_memory(error):
        return "out of memory: smaller pictures, fewer turns, --dtype bfloat16 or another --device need less"
    return None


def name_value(wrong: typer.BadParameter) -> typer.BadParameter:
    """The same with the value that was given, where its message lacks it."""
    from pydantic import ValidationError

    from irg.core.settings import shown

    if isinstance(cause := wrong.__cause__, ValidationError):
        value = shown(cause.errors()[0]["input"])
        said = wrong.message.removeprefix("Value error, ")
        wrong.message = said if value in said else f"{value}: {said}"
    return wrong


def _missing(module: str) -> str | None:
    """What to install for a package that was left out; None for a module that should be there."""
    package = module.partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return f"this needs {package}, which is not installed: pip install 'irg[{extra}]'"
    return None
