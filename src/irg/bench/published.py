"""What others have published of these benchmarks, to be set beside our columns and never averaged with them.

Numbers are as printed, on the scale of the benchmark's own tables. Who judged decides on them: WISE moves by
.15 to .18 between judges, and a prompt set that was rewritten moves GenEval as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_IRG = "arXiv 2509.06945"
_IRGS_GENEVAL = "GenEval's detector; the paper does not say which prompts, its script takes rewritten ones"
_GPT_4O = "gpt-4o"
_QWEN = "Qwen2.5-VL-72B"
_REFLECTION = "UMM-Reflection, its own table"
_ONEIG = "OneIG-Bench's own judges"
_LEADERBOARD = "OneIG-Bench's leaderboard; the overall is the mean of five"
_DIMENSIONS = ("overall", "alignment", "text", "reasoning", "style", "diversity")
_ONEIG_BAGEL = ("0.361", "0.769", "0.244", "0.173", "0.367", "0.251")
_ONEIG_COT = ("0.324", "0.793", "0.020", "0.206", "0.390", "0.209")
_OF_GENEVAL = "GenEval's detector; prompts as instructions"


@dataclass(frozen=True)
class PublishedRow:
    """A row that somebody published: the value of each variant, who judged, and where it stands."""

    name: str
    values: Mapping[str, str]
    judge: str
    source: str


def _irg(variants: tuple[str, ...], judge: str, *values: tuple[str, ...]) -> list[PublishedRow]:
    """The three rows of IRG's paper."""
    names = ("BAGEL", "BAGEL self-CoT", "IRG")
    return [
        PublishedRow(name, dict(zip(variants, row, strict=True)), judge, _IRG)
        for name, row in zip(names, values, strict=True)
    ]


PUBLISHED: Mapping[str, list[PublishedRow]] = {
    "geneval": [
        *_irg(("official",), _IRGS_GENEVAL, ("0.78",), ("0.79",), ("0.85",)),
        PublishedRow("UMM-Reflection, no edit", {"official": "0.73"}, _OF_GENEVAL, _REFLECTION),
        PublishedRow("UMM-Reflection, 1 edit", {"official": "0.82"}, _OF_GENEVAL, _REFLECTION),
        PublishedRow("UMM-Reflection, 3 edits", {"official": "0.84"}, _OF_GENEVAL, _REFLECTION),
    ],
    "wise": [
        *_irg(("legacy-plain-mean",), _GPT_4O, ("0.52",), ("0.70",), ("0.77",)),
        PublishedRow("Uni-CoT", {"legacy-weighted": "0.75"}, "not said", "Uni-CoT, its own page"),
        PublishedRow("UMM-Reflection", {"legacy-weighted": "0.74"}, "not said", _REFLECTION),
    ],
    "wise-verified": [
        PublishedRow("BAGEL", {"verified": "0.3520"}, "Qwen3.5-35B-A3B", "WISE's leaderboard"),
        PublishedRow("BAGEL self-CoT", {"verified": "0.6280"}, "Qwen3.5-35B-A3B", "WISE's leaderboard"),
    ],
    "tiif": _irg(("short", "long"), _QWEN, ("70.97", "71.79"), ("68.06", "68.78"), ("76.00", "73.77")),
    "genai-bench": _irg(("vqascore",), "VQAScore, CLIP-FlanT5", ("0.79",), ("0.81",), ("0.84",)),
    "oneig-en": [
        PublishedRow("BAGEL", dict(zip(_DIMENSIONS, _ONEIG_BAGEL, strict=True)), _ONEIG, _LEADERBOARD),
        PublishedRow("BAGEL self-CoT", dict(zip(_DIMENSIONS, _ONEIG_COT, strict=True)), _ONEIG, _LEADERBOARD),
        PublishedRow("IRG", {"overall": "0.415"}, _ONEIG, _IRG),
    ],
}
