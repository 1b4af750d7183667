"""The process runs as it will with the official code, on a checkout whose models are a few lines."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from irg.bench.oneig import process
from irg.bench.oneig.grids import shown as through_jpeg
from irg.bench.oneig.judge import Failed
from irg.bench.oneig.remote import RemoteEncoders

INFERENCE = """
import torch
from PIL import Image


def mean(path):
    pixels = Image.open(path).convert("RGB").resize((1, 1)).getpixel((0, 0))
    return torch.nn.functional.normalize(torch.tensor([pixels], dtype=torch.float32), dim=-1)


class CSDStyleEmbedding:
    def __init__(self, model_path="scripts/style/models/checkpoint.pth", device="cuda"):
        self.device = device

    def get_style_embedding(self, path):
        return mean(path).to(self.device)


class SEStyleEmbedding(CSDStyleEmbedding):
    def get_style_embedding(self, path):
        return mean(path).to(self.device, torch.bfloat16)


class LLM2CLIP:
    def __init__(self, device="cuda"):
        pass

    def text_img_similarity_score(self, paths, text):
        if text == "nothing":
            raise RuntimeError("no features")
        return [mean(path)[0, len(text) % 3].item() for path in paths]
"""
DREAMSIM = """
import numpy
import torch


def dreamsim(pretrained, device):
    def prepare(picture):
        return torch.from_numpy(numpy.asarray(picture).copy()).float()[None]

    return lambda one, other: (one - other).abs().mean() / 255, prepare
"""
RED, BLUE = (through_jpeg(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue"))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    folder = tmp_path_factory.mktemp("OneIG-Benchmark")
    for name, text in {process.INFERENCE: INFERENCE, "dreamsim.py": DREAMSIM}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "scripts" / "style").mkdir()
    for name in ("CSD", "SE"):
        torch.save({"cubism": torch.eye(3)}, folder / "scripts" / "style" / f"{name}_embed.pt")
    return folder


@pytest.fixture(scope="module")
def encoders(checkout: Path) -> Iterator[RemoteEncoders]:
    command = [sys.executable, process.__file__, "--repository", str(checkout), "--port", "0"]
    with subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield RemoteEncoders(running.stdout.readline().strip())
        finally:
            running.terminate()


def test_it_imports_nothing_of_ours_which_its_environment_does_not_have() -> None:
    tree = ast.parse(Path(process.__file__).read_text())
    names = [
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    ]
    assert names and all(str(name).partition(".")[0] in sys.stdlib_module_names for name in names)


def test_it_answers_what_the_official_code_computes(encoders: RemoteEncoders) -> None:
    assert encoders.dimensions == {"style", "reasoning", "diversity"}
    assert encoders.identity["device"] == "cpu"
    near = encoders.style(RED, "cubism")
    assert near["csd"] == pytest.approx([1, 0, 0], abs=0.02) and near["se"] == pytest.approx(
        [1, 0, 0], abs=0.02
    )
    assert encoders.reasoning(BLUE, "ab") == pytest.approx(1, abs=0.02)
    assert encoders.diversity(RED, BLUE) == pytest.approx(2 / 3, abs=0.02)
    assert encoders.diversity(RED, RED) == 0


def test_what_the_official_code_raises_is_told(encoders: RemoteEncoders) -> None:
    with pytest.raises(Failed, match="ValueError: style 'fauvism' has no references"):
        encoders.style(RED, "fauvism")
    with pytest.raises(Failed, match="RuntimeError: no features"):
        encoders.reasoning(RED, "nothing")
    with pytest.raises(Failed, match="status 500"):
        encoders.diversity(b"no picture", RED)


def test_a_folder_that_is_no_checkout_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no checkout of OneIG-Benchmark"):
        process.OfficialEncoders(tmp_path, "cpu")
