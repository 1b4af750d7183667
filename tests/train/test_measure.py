from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
import torch

from irg.model import UnifiedModel
from irg.run.flops import matrix_product_rate, row_flops
from irg.run.optimizers import OptimizerKind
from irg.run.parallel import Checkpointing, Precision
from irg.train.measure import TrainBench, measure
from irg.train.synthetic import DocumentLengths, SyntheticRows

BENCH = TrainBench(
    preset="tiny",
    layers=1,
    vision_layers=1,
    tokens=400,
    steps=3,
    lengths=DocumentLengths(system=12, prompt=6, thought=20, side=64),
    compile=False,
    bfloat16=False,
)
CPU = torch.device("cpu")


def test_numbers_are_of_the_rows_and_the_median_step() -> None:
    found = measure(BENCH, "cpu")
    config = BENCH.config()
    synthetic = SyntheticRows(config, BENCH.lengths, torch.Generator().manual_seed(0))
    rows = [synthetic.row(400) for _ in range(2)]
    summary = found.summary()
    assert summary["tokens_per_step"] == pytest.approx(sum(row.num_tokens for row in rows) / 2, abs=1)
    assert found.work.flops == sum(row_flops(config, row) for row in rows) / 2
    assert len(summary["step_seconds"]) == 3
    assert summary["seconds"] == median(summary["step_seconds"])
    assert summary["tokens_per_second"] == found.work.tokens / summary["seconds"]
    assert summary["padding"] == pytest.approx(1 - found.work.tokens / 400)
    parts = [summary[f"{part}_seconds"] for part in ("forward", "backward", "optimizer")]
    assert all(seconds > 0 for seconds in parts)
    assert found.parameters == sum(one.numel() for one in UnifiedModel(config).parameters())
    assert summary["peak_memory_bytes"] > 4 * found.parameters
    assert "mfu" not in summary and summary["limit_tflops"] is None
    assert 0 < summary["share_of_matrix_products"] < 1


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": OptimizerKind.MUON, "checkpointing": Checkpointing.FULL},
        {"bfloat16": True, "checkpointing": Checkpointing.SELECTIVE},
        {"optimizer": OptimizerKind.ADAMW8BIT},
    ],
    ids=["muon, full", "bfloat16, selective", "8 bits"],
)
def test_every_kind_of_step_runs(changes: dict[str, object]) -> None:
    found = measure(replace(BENCH, steps=1, **changes), "cpu")  # type: ignore[arg-type]
    assert len(found.times) == 1 and found.work.seconds > 0


def test_a_profile_names_what_takes_the_time(tmp_path: Path) -> None:
    measure(replace(BENCH, steps=1), "cpu", tmp_path / "profile.txt")
    table = (tmp_path / "profile.txt").read_text()
    assert "Self CPU" in table and "aten::mm" in table


def test_presets_are_cut() -> None:
    config = replace(BENCH, preset="bagel_7b", layers=4, vision_layers=None).config()
    assert (config.decoder.num_layers, config.vision.num_layers) == (4, 26)
    assert config.decoder.width == 3584


@pytest.mark.parametrize(
    ("changes", "message"), [({"layers": 4}, "4 layers"), ({"vision_layers": 3}, "3 vision")]
)
def test_more_layers_than_there_are_is_an_error(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}.*: the preset has 1 to"):
        replace(BENCH, **changes).config()  # type: ignore[arg-type]


def test_bfloat16_is_weights_on_a_gpu_and_products_on_a_cpu() -> None:
    bench = replace(BENCH, bfloat16=True)
    on_gpu, on_cpu = bench.parallel(torch.device("cuda")), bench.parallel(CPU)
    assert (on_gpu.precision, on_gpu.master) == (Precision.BFLOAT16, Precision.BFLOAT16)
    assert (on_cpu.precision, on_cpu.master) == (Precision.AUTOCAST, Precision.FLOAT32)
    assert BENCH.parallel(CPU).precision is Precision.FLOAT32


def test_matrix_products_are_measured_alike_twice() -> None:
    rates = [matrix_product_rate(CPU, torch.float32) for _ in range(2)]
    assert min(rates) > 1e9
    assert max(rates) < 10 * min(rates)
