"""System prompts of plans: in the plan, in a file, or fetched from where they are published.

What is fetched is kept in the user's cache with its hash, and never fetched again. A plan may pin the hash;
where it does not, it is pinned by what came first, which is said once.
"""

import ast
import hashlib
import json
import os
import urllib.request
import warnings
from http.client import HTTPException
from pathlib import Path

from irg.core.digest import digest_of
from irg.core.files import read_json, read_text, write_atomically
from irg.pipeline.plans.plan_file import StepPlan, System, SystemSource

_SECONDS = 60
_MOST_BYTES = 4 << 20


class PinnedPromptWarning(UserWarning):
    """A system prompt was fetched whose hash nobody knew: from now on it is held to this one."""


def system_texts(plan: StepPlan, checkpoints: str, fetches: bool = True) -> dict[str, str]:
    """The system prompts of a plan, by the part of `system.PART` (`system` itself: ""). `checkpoints` is that
    of the checkpoint. Raises ValueError for one that cannot be had, or is not what it should be; where
    nothing is fetched, also for one that was not fetched before."""
    found: dict[str, System] = {"": plan.system, **plan.systems}
    texts = {name: _text_of(system, checkpoints, fetches) for name, system in found.items()}
    return {name: text for name, text in texts.items() if text is not None}


def with_texts(plan: StepPlan, texts: dict[str, str]) -> StepPlan:
    """The plan with the texts in the place of where they come from, so that it needs neither file nor
    network."""

    def told(name: str, system: System) -> System:
        return SystemSource(text=texts[name]) if isinstance(system, SystemSource) else system

    systems = {name: told(name, system) for name, system in plan.systems.items()}
    return plan.changed(system=told("", plan.system), systems=systems)


def _text_of(system: System, checkpoints: str, fetches: bool) -> str | None:
    if isinstance(system, str):
        return checkpoints if system == "checkpoint" else None
    if system.text is not None:
        return _checked(system.text, system, "the plan's own text")
    if system.file is not None:
        try:
            text = read_text(system.file)
        except (OSError, ValueError) as failed:
            raise ValueError(f"the system prompt {system.file} cannot be read: {failed}") from failed
        return _checked(text, system, str(system.file))
    return _published(system, fetches)


def _published(system: SystemSource, fetches: bool) -> str:
    """From the cache, else from where it is published."""
    cached = _cache() / f"{digest_of([system.address, system.constant, system.strip])[:24]}.json"
    if cached.is_file():
        content = read_json(cached)
        text = content.get("text")
        if isinstance(text, str) and _hash(text) == content.get("sha256"):
            return _checked(text, system, f"{system.address} (kept in {cached})")
        raise ValueError(f"{cached} was changed since it was fetched: delete it, to fetch it again")
    name = str(system.address)
    if not fetches:
        raise ValueError(f"the system prompt of {name} was not fetched yet: irg plan fetch does that")
    text = _checked(_constant(_fetched(name), system), system, name, strip=system.strip)
    sha256 = _hash(text)
    cached.parent.mkdir(parents=True, exist_ok=True)
    content = {"address": system.address, "constant": system.constant, "sha256": sha256, "text": text}
    write_atomically(cached, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    if system.sha256 is None:
        told = (
            f"the system prompt of {name} was fetched, and is held to sha256 {sha256} from now on ({cached})"
        )
        warnings.warn(told, PinnedPromptWarning, stacklevel=2)
    return text


def _checked(text: str, system: SystemSource, name: str, strip: bool | None = None) -> str:
    text = text.strip() if (system.strip if strip is None else strip) else text
    if system.sha256 is not None and (found := _hash(text)) != system.sha256:
        raise ValueError(f"the system prompt of {name} has sha256 {found}, expected {system.sha256}")
    if not text.strip():
        raise ValueError(f"the system prompt of {name} is empty")
    return text


def _fetched(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as source:
            data = source.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
        return data.decode("utf-8")
    except (OSError, HTTPException, ValueError) as failed:
        raise ValueError(
            f"the system prompt is published at {address}, which cannot be fetched: {failed}. If you have "
            "it, copy the plan (irg plan show NAME) and name your file there: system: {file: FILE}"
        ) from failed


def _constant(text: str, system: SystemSource) -> str:
    """The text itself, or what a Python file assigns to the constant."""
    if system.constant is None:
        return text
    try:
        body = ast.parse(text).body
        values = [
            ast.literal_eval(node.value)
            for node in body
            if isinstance(node, ast.Assign)
            and any(isinstance(one, ast.Name) and one.id == system.constant for one in node.targets)
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as broken:
        raise ValueError(f"{system.address} cannot be read as Python: {broken}") from broken
    if not values or not isinstance(values[-1], str):
        raise ValueError(f"{system.address} has no text {system.constant}")
    return values[-1]


def _cache() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return root / "irg" / "prompts"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
