import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import irg
from irg.core.events import Done
from irg.model.checkpoint import CheckpointError
from irg.model.low_bit import Quantize
from irg.model.offload import Offload
from irg.pipeline import load_pipeline
from irg.pipeline.load import NamedCheckpoint
from tests.data.small import write_checkpoint


def test_what_it_says_of_a_model_is_what_the_loaded_model_says(tmp_path: Path) -> None:
    checkpoint = NamedCheckpoint(str(write_checkpoint(tmp_path)), "cpu", torch.bfloat16)
    pipeline = checkpoint.load()
    assert checkpoint.identity == pipeline.identity and checkpoint.settings == pipeline.settings
    assert pipeline.parts.model.dtype == torch.bfloat16
    assert load_pipeline(tmp_path, "cpu", torch.bfloat16).identity == pipeline.identity


def test_types_of_arithmetic_have_names(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    assert load_pipeline(str(folder), "cpu", "float16").parts.model.dtype == torch.float16
    with pytest.raises(ValueError, match="dtype 'half': expected one of float32, bfloat16, float16"):
        load_pipeline(folder, dtype="half")
    with pytest.raises(ValueError, match="offload 'all': expected one of"):
        load_pipeline(folder, offload="all")


def test_no_name_is_the_embedded_model() -> None:
    nameless, named = NamedCheckpoint(device="cpu"), NamedCheckpoint("embedded", "cpu")
    assert nameless.folder == named.folder
    assert nameless.identity == named.identity
    assert nameless.identity["name"] == "embedded"


def test_weights_that_changed_have_another_fingerprint(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    before = NamedCheckpoint(str(folder), "cpu").identity
    path = folder / "ema.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    after = NamedCheckpoint(str(folder), "cpu").identity
    assert {key for key in before if before[key] != after[key]} == {"fingerprint"}


def test_what_is_no_checkpoint_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json is missing"):
        NamedCheckpoint(str(tmp_path)).load()
    with pytest.raises(CheckpointError, match="neither a folder nor a hub id"):
        load_pipeline(tmp_path / "nowhere")


def test_products_in_float8_are_refused_where_there_are_none(tmp_path: Path) -> None:
    checkpoint = NamedCheckpoint(str(write_checkpoint(tmp_path)), "cpu", quantize=Quantize.FP8_MATMUL)
    with pytest.raises(ValueError, match="multiplies in float8, which cpu cannot"):
        checkpoint.load()


def test_loading_brings_in_no_compiler() -> None:
    """Torch's compiler, what it computes with and its sharding take longer to import than all else takes."""
    script = (
        "import sys; from irg.pipeline import load_pipeline; load_pipeline(device='cpu'); "
        "print(*[name for name in ('torch._dynamo', 'sympy', 'torch.distributed.fsdp', 'diffusers') "
        "if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(irg.__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (result.stdout.strip(), result.returncode) == ("", 0), result.stderr


@pytest.mark.parametrize("kind", [Offload.PARTS, Offload.EXPERTS])
def test_what_waits_elsewhere_draws_the_same(tmp_path: Path, kind: Offload) -> None:
    name = str(write_checkpoint(tmp_path))
    drawn = []
    for waits in (Offload.NONE, kind):
        *_, done = NamedCheckpoint(name, "cpu", offload=waits).load().generate("two red circles", seed=3)
        assert isinstance(done, Done)
        drawn.append([turn.image.tobytes() for turn in done.trace.turns])
    assert drawn[0] == drawn[1] and len(drawn[0]) == 2


@pytest.mark.parametrize("how", [{"offload": Offload.PARTS}, {"quantize": Quantize.INT8}])
def test_steps_are_compiled_for_weights_that_stay_as_they_are(how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="compiled steps: expected weights neither in few bits"):
        NamedCheckpoint(None, "cpu", compiled=True, **how).load()


def test_without_a_compiler_no_weights_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match="nothing to compile with"):
        NamedCheckpoint(None, "cpu", compiled=True).load()
    assert NamedCheckpoint(None, "cpu", compiled=True).identity["compiled"] is True
    assert "compiled" not in NamedCheckpoint(None, "cpu").identity
