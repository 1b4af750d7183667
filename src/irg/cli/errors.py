"""What went wrong, for a user: one message for what was expected to go wrong, None for our own mistakes."""

import sys


def explain(error: Exception) -> str | None:
    """The message to print instead of a traceback; None where the traceback is what is needed."""
    if isinstance(error, BrokenPipeError):
        return None  # the reader of our output left; typer ends quietly
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    if isinstance(error, ValueError):
        return str(error)
    if _is_out_of_memory(error):
        return "out of memory: smaller pictures, fewer turns, --dtype bfloat16 or another --device need less"
    return None


def _is_out_of_memory(error: Exception) -> bool:
    """Also of torch and safetensors, which on a CPU have nothing but a RuntimeError for it."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
