"""What a set says of how it was made, without what is nobody else's business: where things lie, who serves.

Names of models, templates and settings stay; addresses, names of variables with keys and what else requests
carried are left out, and of a path on somebody's disk its last part is left.
"""

import json
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_PRIVATE = frozenset({"base_url", "key_env", "extra"})
_JSON_COLUMNS = ("settings", "model", "provenance")


def public(content: Any) -> Any:
    """A JSON value as it may be published."""
    if isinstance(content, dict):
        return {name: public(value) for name, value in content.items() if name not in _PRIVATE}
    if isinstance(content, list | tuple):
        return [public(value) for value in content]
    return _without_folder(content) if isinstance(content, str) else content


def public_row(row: dict[str, Any]) -> dict[str, Any]:
    """A trace's row (`irg.data.trace_rows`) as it may be published: what it teaches is as it was."""
    cleaned = dict(row)
    for name in _JSON_COLUMNS:
        text = row.get(name)
        if not text:
            continue
        content = json.loads(text)
        if (allowed := public(content)) != content:
            cleaned[name] = json.dumps(allowed, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return cleaned


def _without_folder(text: str) -> str:
    """The name of a file, for its absolute path; any other text as it is."""
    if "\n" in text or len(text) > 4096:
        return text
    for path in (PurePosixPath(text), PureWindowsPath(text)):
        if (path.is_absolute() or text.startswith("~/")) and len(path.parts) > 1:
            return path.name
    return text
