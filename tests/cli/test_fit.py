import json
from pathlib import Path

import pytest
import torch

from irg.cli.description import describe
from irg.cli.fit import memory_of, picked, ways
from irg.model import device
from irg.model.config import bagel_7b, write_config
from irg.model.low_bit import Quantize
from irg.model.offload import Offload
from irg.pipeline import load_pipeline
from tests.cli.conftest import Run


@pytest.fixture
def bagel(work: Path) -> Path:
    """The sizes of the 7B model, without weights."""
    folder = work / "bagel"
    folder.mkdir()
    write_config(bagel_7b(), folder)
    return folder


def test_weights_are_those_of_the_loaded_model(checkpoint: Path) -> None:
    (plain, *_) = ways(describe(str(checkpoint)), 4)
    parts = load_pipeline(checkpoint, "cpu").parts
    loaded = [*parts.model.state_dict().values(), *parts.autoencoder.state_dict().values()]
    assert plain.weights == sum(tensor.numel() for tensor in loaded) * 4


def test_a_7b_model_in_gpus_of_all_sizes(bagel: Path) -> None:
    found = ways(describe(str(bagel)), 2)
    chosen = {memory: picked(found, memory * 10**9) for memory in (80, 24, 16, 8, 2)}
    options = {memory: None if way is None else way.options for memory, way in chosen.items()}
    assert options[80] == "" and options[24] == "--weights int8" and options[16] == "--weights nf4"
    assert options[8] is not None and "--offload experts" in options[8] and options[2] is None
    by_way = {(way.quantize, way.offload): way.total for way in found}
    assert by_way[Quantize.INT8, Offload.NONE] < by_way[Quantize.NONE, Offload.PARTS]
    assert by_way[Quantize.NONE, Offload.PARTS] < by_way[Quantize.NONE, Offload.NONE]
    for way in found:
        assert way.total == pytest.approx(1.1 * (way.weights + way.context + way.working), abs=1)


def test_the_machine_says_what_is_free() -> None:
    assert 1e8 < memory_of(torch.device("cpu")) < 1e14


def test_where_nothing_says_what_is_free_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, work: Path) -> None:
    with pytest.raises(ValueError, match="how much memory mps has is not known here: say it with --memory"):
        memory_of(torch.device("mps"))
    monkeypatch.setattr(device, "_MACHINE", work / "missing")
    with pytest.raises(ValueError, match="how much memory cpu has is not known here"):
        memory_of(torch.device("cpu"))


def test_the_command_says_what_to_type(run: Run, bagel: Path) -> None:
    result = run("info", bagel, "--fit", "--memory", 24)
    assert f"irg generate ... --model {bagel} --weights int8" in result.stdout
    content = json.loads(run("info", bagel, "--fit", "--memory", 1, "--json").stdout)
    assert content["fit"]["picked"] is None and not any(way["fits"] for way in content["fit"]["ways"])
    assert "nothing fits" in run("info", bagel, "--fit", "--memory", 1).stdout
    assert "--fit alone" in run("info", bagel, "--memory", 24).stderr
    refused = run("info", bagel, "--fit", "--device", "nowhere")
    assert refused.exit_code == 2 and "device 'nowhere' cannot be used here" in refused.stderr
