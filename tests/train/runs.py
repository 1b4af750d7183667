"""Short runs of a small model over a small store of traces, and what can be seen of them from outside."""

import json
import os
import signal
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from irg.core import Packed
from irg.core.trace import Trace, Turn
from irg.data.traces import TraceWriter
from irg.run.parallel import joined
from irg.train.settings import TrainRecipe
from irg.train.unified import finish, run_of
from tests.data.broken import picture, words
from tests.data.small import tokenizer

MODES = {
    "direct": 1.0,
    "question": 0.5,
    "initial_full": 1.0,
    "improving_thinking": 0.5,
    "improving_full": 1.0,
}
NUM_TRACES = 23
MEASURED = {
    "seconds", "data_wait", "samples_per_second", "tokens_per_second", "tflops", "mfu", "memory"
}  # fmt: skip
"""What a run measures of itself, which differs each time."""


def write_traces(folder: Path, count: int = NUM_TRACES) -> Path:
    """A store of traces that are told by the number in their prompts, with thoughts of all lengths."""
    random = np.random.default_rng(0)
    with TraceWriter(folder, rows_per_group=8) as writer:
        for number in range(count):
            turns = tuple(Turn(words(random, int(random.integers(2, 9))), picture(random)) for _ in range(2))
            asked = (("What is it?", words(random)), ("Where?", words(random)))
            writer.write(Trace(f"{words(random)} {number}", turns, number, questions=asked, id=f"id{number}"))
    return folder


def batch(**changes: Any) -> dict[str, Any]:
    return {"tokens": 160, "rows": 4, "lookahead": 16} | changes


def recipe(start: Path, data: Path, out: Path, /, **changes: Any) -> TrainRecipe:
    """Twenty steps of four rows, from the checkpoint `start`, over the traces in `data`."""
    content: dict[str, Any] = {
        "init": str(start),
        "out": out,
        "steps": 20,
        "data": [{"path": str(data), "modes": MODES, "required": ["improving_full"]}],
        "batch": batch(),
        "global_batch": "fixed",
        "noising": {"copies": 2},
        "dropout": {"image": 0.2, "clean": 0.2, "view": 0.2},
        "loss": {"text": "square", "flow": "sample", "flow_weight": 2.0},
        "optimizer": {"rate": 1e-3, "weight_decay": 0.01},
        "schedule": {"kind": "constant", "warmup": 4},
        "ema": 0.9,
        "device": "cpu",
    }
    return TrainRecipe.model_validate(content | changes)


def evaluation(data: Path) -> dict[str, Any]:
    """Of losses over other seeds of the same traces, and of a picture, twice in twenty steps."""
    held_out = [{"path": str(data), "modes": {"initial_full": 1.0}}]
    return {"data": held_out, "steps": 2, "every": 10, "prompts": ["a red circle"], "turns": 1}


FILLER = 3
"""Tokens of what stands for the documents of a process that has none left."""


@dataclass(frozen=True)
class Course:
    """What this process saw of a run."""

    documents: dict[int, list[str]]
    """By step, from 1: its documents in order."""
    forwards: dict[int, int]
    """By step: how many there were."""
    interrupted: bool


def run(recipe: TrainRecipe, resume: bool = False, stop_in: int | None = None) -> Course:
    """Run the recipe to its end, export included. In step `stop_in` this process is asked to stop."""
    recipe.out.mkdir(parents=True, exist_ok=True)
    documents: dict[int, list[str]] = defaultdict(list)
    forwards: Counter[int] = Counter()
    interrupted = False
    with joined(recipe.device) as layout:
        running = run_of(recipe, layout)

        def watch(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            if torch.is_grad_enabled():  # not while evaluating
                documents[running.step + 1] += told(inputs[0])
                forwards[running.step + 1] += 1
            if running.step + 1 == stop_in:
                os.kill(os.getpid(), signal.SIGTERM)

        hook = running.objective.network.register_forward_pre_hook(watch)
        running.begin(resume)
        try:
            running.go_on()
            finish(recipe, running)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            hook.remove()
    return Course(dict(documents), dict(forwards), interrupted)


def told(packed: Packed) -> list[str]:
    """The documents of a row, but those that only fill up a step: their segments' kinds and their texts."""
    order = packed.text_index_N.argsort()
    id_N, document_N = packed.text_id_N[order], packed.document_T[packed.text_index_N[order]]
    found = []
    for document, length in enumerate(packed.document_lengths):
        if length > FILLER:
            mine = packed.document_T == document
            segments = packed.segment_T[mine].unique_consecutive(return_inverse=True)[1]
            first = torch.cat([torch.tensor([True]), segments.diff() > 0])
            kinds = "".join(map(str, packed.kind_T[mine][first].tolist()))
            found.append(f"{kinds} {tokenizer().decode(id_N[document_N == document].tolist())}")
    return found


def history(out: Path, file: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Every step's computed numbers, with all their digits."""
    lines = (json.loads(line) for line in (out / file).read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def apart(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> float:
    """The largest relative difference of any loss of any step of two histories of the same steps."""
    assert [line.keys() for line in one] == [line.keys() for line in other]
    assert [line["step"] for line in one] == [line["step"] for line in other] != []
    pairs = ((mine[key], theirs[key]) for mine, theirs in zip(one, other, strict=True) for key in mine)
    return max(abs(mine - theirs) / max(abs(theirs), 1e-12) for mine, theirs in pairs)
