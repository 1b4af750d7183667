import copy
from functools import partial
from pathlib import Path

import pytest
import torch

from irg.model import UnifiedModel
from irg.model.compiling import check_compiler, compiled_whole, keep_compiled
from irg.model.decoder import Decoder, DecoderLayer


@pytest.mark.filterwarnings("ignore")  # of torch's own, while it sets itself up
def test_a_compiled_expert_computes_the_same(
    model: UnifiedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves what was compiled on disk. Layers share it."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    plain, compiled = copy.deepcopy(model), copy.deepcopy(model)
    compiled.join()
    compiled.compile_experts()
    generator = torch.Generator().manual_seed(0)
    hidden_TD = torch.randn(6, model.config.decoder.width, generator=generator)
    files = []
    for index in range(2):
        made = []
        for decoder in (plain.decoder, compiled.decoder):
            with torch.inference_mode():
                made.append(_through(decoder, index, hidden_TD))
        for ours, theirs in zip(*made, strict=True):
            assert torch.allclose(ours, theirs, rtol=0, atol=1e-5)
        files.append(len(list(tmp_path.rglob("*.cpp"))))
    assert files[0] == files[1] > 0


def _through(decoder: Decoder, index: int, hidden_TD: torch.Tensor) -> tuple[torch.Tensor, ...]:
    layer = decoder.layers[index]
    assert isinstance(layer, DecoderLayer)
    offered = layer.generation.project(hidden_TD, decoder.rope(torch.arange(len(hidden_TD))))
    query_THK, key_TGK, value_TGK = offered
    assert query_THK is not None
    return query_THK, key_TGK, value_TGK, layer.generation.finish(hidden_TD.clone(), query_THK.flatten(1))


def test_models_of_many_sizes_fit_into_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has kinds of shapes of its own, and all of them share what is compiled of a function."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    monkeypatch.setattr("irg.model.compiling._compiled", {})
    doubled = compiled_whole(_doubled)
    for width in range(2, 14):
        for num_tokens in (1, 3, 5):
            seen_TD = torch.ones(num_tokens, width)
            assert torch.equal(doubled(seen_TD, torch.nn.Linear(width, 1)), 2 * seen_TD)


def _doubled(hidden_TD: torch.Tensor, layer: torch.nn.Linear) -> torch.Tensor:
    return hidden_TD * (2 if layer.in_features else 1)


def test_without_a_compiler_that_is_told(monkeypatch: pytest.MonkeyPatch, model: UnifiedModel) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match=r"no C\+\+ compiler 'no-such-compiler'"):
        copy.deepcopy(model).compile_experts()
    monkeypatch.setattr("irg.model.compiling.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="triton"):
        check_compiler(torch.device("cuda"))


def test_what_was_compiled_is_kept_for_other_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert keep_compiled() == tmp_path / "irg" / "compiled"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "own"))
    assert keep_compiled() == tmp_path / "own"
