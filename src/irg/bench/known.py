"""The benchmarks by name. One is imported when it is asked for: some need much."""

from difflib import get_close_matches
from importlib import import_module

from irg.bench.protocol import Benchmark

PLACES = {
    "scene": "irg.bench.scene.benchmark:SCENE",
    "geneval": "irg.bench.geneval.benchmark:GENEVAL",
    "geneval-long": "irg.bench.geneval.benchmark:GENEVAL_LONG",
    "geneval2": "irg.bench.geneval2.benchmark:GENEVAL2",
    "genai-bench": "irg.bench.genai.benchmark:GENAI_BENCH",
    "genai-bench-527": "irg.bench.genai.benchmark:GENAI_BENCH_527",
    "oneig-en": "irg.bench.oneig.benchmark:ONEIG",
    "oneig-en-text-rapidocr": "irg.bench.oneig.offline:ONEIG_TEXT_RAPIDOCR",
    "tiif": "irg.bench.tiif.benchmark:TIIF",
    "tiif-text-rapidocr": "irg.bench.tiif.offline:TIIF_TEXT_RAPIDOCR",
    "wise": "irg.bench.wise.benchmark:WISE",
    "wise-verified": "irg.bench.wise.benchmark:WISE_VERIFIED",
}
"""By name the module and the attribute of each."""


def benchmark(name: str) -> Benchmark:
    """Raises ValueError for a name that no benchmark has."""
    if name not in PLACES:
        near = get_close_matches(name, PLACES, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"no benchmark is called {name!r}: expected one of {', '.join(PLACES)}{hint}")
    module, _, attribute = PLACES[name].partition(":")
    found = getattr(import_module(module), attribute)
    assert isinstance(found, Benchmark) and found.name == name, f"{PLACES[name]} is not {name}"
    return found
