import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import irg
from irg.engine import Guidance
from irg.model import device, tiny
from irg.model.config import bagel_7b
from irg.model.low_bit import Quantize
from irg.model.offload import Offload
from irg.model.panels import laid_out_types
from irg.model.unified import skeleton
from irg.pipeline import Pipeline, Settings
from irg.pipeline.fit import memory_of, memory_of_process, picked, ways


def test_weights_are_those_of_the_loaded_model(pipeline: Pipeline) -> None:
    parts = pipeline.parts
    (plain, *_) = ways(parts.model.config, parts.settings, 4)
    loaded = [*parts.model.state_dict().values(), *parts.autoencoder.state_dict().values()]
    assert plain.weights == sum(tensor.numel() for tensor in loaded) * 4


def test_on_a_cpu_what_draws_is_held_twice_where_it_is_small() -> None:
    plain, *others = ways(tiny(), Settings(), 4, process=1)
    _, *alone = ways(tiny(), Settings(), 4)
    named = skeleton(tiny()).named_parameters()
    twice = sum(one.numel() for name, one in named if ".generation." in name and one.ndim > 1) * 4
    twice *= torch.float32 in laid_out_types()
    assert plain.weights - ways(tiny(), Settings(), 4)[0].weights == twice
    for way, other in zip(others, alone, strict=True):
        is_laid_out = way.quantize is Quantize.NONE and way.offload is Offload.PARTS
        assert way.weights - other.weights == twice * is_laid_out
    assert ways(bagel_7b(), Settings(), 4, process=1)[0].weights == ways(bagel_7b(), Settings(), 4)[0].weights
    for size, dtype in ((8, torch.float64), (2, torch.bfloat16)):
        more = (
            ways(tiny(), Settings(), size, process=1)[0].weights - ways(tiny(), Settings(), size)[0].weights
        )
        assert more == twice * (dtype in laid_out_types())


def test_a_7b_model_in_gpus_of_all_sizes() -> None:
    found = ways(bagel_7b(), Settings(), 2)
    chosen = {memory: picked(found, memory * 10**9) for memory in (80, 24, 16, 10, 2)}
    options = {memory: None if way is None else way.options for memory, way in chosen.items()}
    assert options[80] == "" and options[24] == "--weights int8" and options[16] == "--weights nf4"
    assert options[10] is not None and "--offload experts" in options[10] and options[2] is None
    by_way = {(way.quantize, way.offload): way.total for way in found}
    assert by_way[Quantize.INT8, Offload.NONE] < by_way[Quantize.NONE, Offload.PARTS]
    assert by_way[Quantize.NONE, Offload.PARTS] < by_way[Quantize.NONE, Offload.NONE]
    for way in found:
        assert way.peak == way.weights + way.context + way.working
        assert way.total == pytest.approx(1.1 * way.peak, abs=1)


def test_branches_of_guidance_have_contexts_of_their_own() -> None:
    def contexts(later: Guidance, turns: int = 2) -> int:
        return ways(tiny(), Settings(later=later, first=later, turns=turns, width=64, height=64), 4)[
            0
        ].context

    alone, text, both = (contexts(Guidance(*scales)) for scales in ((1.0, 1.0), (4.0, 1.0), (4.0, 2.0)))
    drawn = 16 + 2
    assert text - alone == drawn * 2 * 3 * 2 * 16 * 4  # keys and values, layers, heads, their width, bytes
    assert text < both < 2.1 * alone
    assert contexts(Guidance(1.0, 2.0), turns=1) == contexts(
        Guidance(1.0, 1.0), turns=1
    )  # nothing to leave out


_MEASURED = """
import json, resource, torch
from irg.bench.speed.workload import EpisodeWorkload
from irg.engine import SeededDraws
from irg.model import Autoencoder
from irg.pipeline.fit import memory_of_process, ways
torch.set_num_threads(1)
load, cpu = EpisodeWorkload("mid", points=2, thought_tokens=4), torch.device("cpu")
settings = load.settings.model_copy(update={"turns": 1})
ways(load.config, settings, 4)  # brings in what makes models
planned = ways(load.config, settings, 4, memory_of_process(cpu))[0].peak
pipeline = load.pipeline(cpu, torch.float32)
for _ in pipeline.generate(load.prompt, settings.plan()):
    pass
print(json.dumps([planned, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what a program takes is told by /proc")
def test_the_peak_is_what_was_planned() -> None:
    """186 million values in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(irg.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED], env=environment, capture_output=True, text=True, check=True
    )
    planned, peak = json.loads(done.stdout.splitlines()[-1])
    assert peak == pytest.approx(planned, rel=0.1)


def test_a_gpu_holds_no_program() -> None:
    assert memory_of_process(torch.device("cuda")) == 0
    assert 1e8 < memory_of_process(torch.device("cpu")) < 1e11


def test_the_machine_says_what_is_free() -> None:
    assert 1e8 < memory_of(torch.device("cpu")) < 1e14


def test_where_nothing_says_what_is_free_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="how much memory mps has is not known here: say it with --memory"):
        memory_of(torch.device("mps"))
    monkeypatch.setattr(device, "_MACHINE", tmp_path / "missing")
    with pytest.raises(ValueError, match="how much memory cpu has is not known here"):
        memory_of(torch.device("cpu"))
