"""GenAI-Bench by t2v_metrics' own code, up to its release 3.0, which is the last with CLIP-FlanT5.

It wants a picture for every one of the 1,600 prompts. With the 527 that were published first it fails.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from irg.bench.genai.summary import LIKELIHOODS
from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    """Scores, which are in the order of the prompts. Raises ValueError for those of other prompts."""
    files = sorted(results.rglob("*_prompts.pt"))
    if len(files) != 1:
        raise ValueError(f"the official code left {len(files)} files of scores: expected one")
    try:
        scores = torch.load(files[0], map_location="cpu", weights_only=True)
    except Exception as broken:  # whatever a file that is none makes torch raise
        raise ValueError(f"{files[0].name} cannot be read: {broken}") from broken
    if not isinstance(scores, torch.Tensor) or not scores.ndim or scores.is_complex():
        raise ValueError(f"{files[0].name} holds no scores")
    if len(scores) != len(shown):
        raise ValueError(f"{files[0].name} has {len(scores):,} scores, expected {len(shown):,}")
    values = scores.float().reshape(len(scores), -1).mean(dim=1).tolist()
    return {
        one.item.id: [EvidenceRow(0, LIKELIHOODS, {"score": value})]
        for one, value in zip(shown, values, strict=True)
    }


PROGRAM = OfficialProgram(
    "genai_bench/evaluate.py",
    (
        "{python} genai_bench/evaluate.py --root_dir {datasets} --output_dir {around} --gen_model pictures "
        "--num_prompts 1600 --model {model} --result_dir {results}",
    ),
    read,
    {"datasets": "./datasets", "model": "clip-flant5-xxl"},
)
