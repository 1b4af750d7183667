from pathlib import Path

import pytest
import torch

from irg.scorers.weights import ScorerWeights, arithmetic, refuse_device, refuse_name


def test_a_folder_is_told_by_what_it_holds(tmp_path: Path) -> None:
    for name, content in (("a", b"x" * (3 << 20)), ("b", b"x" * (3 << 20))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(content)
    first, second = (ScorerWeights.find(str(tmp_path / name)).identity for name in "ab")
    assert first["fingerprint"] == second["fingerprint"]
    (tmp_path / "b" / "model.safetensors").write_bytes(b"x" * ((3 << 20) - 1) + b"y")
    changed = ScorerWeights.find(str(tmp_path / "b")).identity
    assert changed["fingerprint"] != first["fingerprint"]


def test_the_hubs_revision_is_told(tmp_path: Path) -> None:
    revision = "0123456789" * 4
    (tmp_path / revision).mkdir()
    assert ScorerWeights("who/what", tmp_path / revision).identity == {
        "model": "who/what",
        "revision": revision,
    }


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(ValueError, match="nowhere/at/all is neither a folder nor a hub id"):
        ScorerWeights.find("nowhere/at/all")


def test_arithmetic_names_what_computes() -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
    found = arithmetic(torch.device("cpu"), torch.float32)
    assert (found["device"], found["dtype"], found["torch"]) == ("cpu", "float32", torch.__version__)


def test_what_cannot_be_used_is_told_without_fetching_anything(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
    refuse_name("who/what")
    refuse_name(str(tmp_path))
    refuse_device("cpu")
    with pytest.raises(ValueError, match="neither a folder nor a hub id"):
        refuse_name("what")
    with pytest.raises(ValueError, match="device 'cuda:99' cannot be used here"):
        refuse_device("cuda:99")
