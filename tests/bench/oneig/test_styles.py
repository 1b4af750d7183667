from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("transformers", reason="style encoders need the extra `bench`")

from irg.bench.oneig.grids import shown as through_jpeg
from irg.bench.oneig.judge import Failed
from irg.bench.oneig.styles import CHECKPOINT, StyleEncoders
from tests.scorers.test_style import OUT, WIDTH, checkpoint, clip_tower, picture, weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The official files, of random weights: CSD's references as arrays, the other encoder's as tensors."""
    (tmp_path / CHECKPOINT).parent.mkdir()
    projection = torch.randn((WIDTH, OUT), generator=torch.Generator().manual_seed(1))
    checkpoint((tmp_path / CHECKPOINT).parent, weights(), projection)
    rng = np.random.default_rng(0)
    unit = [row / np.linalg.norm(row) for row in rng.normal(size=(3, OUT)).astype(np.float32)]
    torch.save({"cubism": np.stack(unit)}, tmp_path / "CSD_embed.pt")
    torch.save({"cubism": torch.from_numpy(np.stack(unit))}, tmp_path / "SE_embed.pt")
    clip_tower(tmp_path / "se")
    return tmp_path


def test_a_picture_is_compared_with_the_references_of_its_style(folder: Path) -> None:
    encoders = StyleEncoders(folder, str(folder / "se"), "cpu")
    near = encoders.style(through_jpeg(picture()), "cubism")
    assert set(near) == {"csd", "se"} and all(len(values) == 3 for values in near.values())
    assert all(-1.01 <= value <= 1.01 for values in near.values() for value in values)
    assert encoders.identity["csd"]["dtype"] == "float32"
    with pytest.raises(Failed, match="style 'fauvism' has no references in CSD_embed"):
        encoders.style(through_jpeg(picture()), "fauvism")


def test_a_folder_that_lacks_files_is_told(folder: Path) -> None:
    (folder / "SE_embed.pt").unlink()
    with pytest.raises(ValueError, match=r"styles=.*: it lacks SE_embed\.pt"):
        StyleEncoders(folder)


def test_nothing_else_is_told_by_styles(folder: Path) -> None:
    encoders = StyleEncoders(folder)
    assert encoders.dimensions == {"style"}
    with pytest.raises(Failed):
        encoders.reasoning(b"", "text")
    with pytest.raises(Failed):
        encoders.diversity(b"", b"")
