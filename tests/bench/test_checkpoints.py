from pathlib import Path

import pytest
import torch

from irg.bench.checkpoints import checkpoints_in, loaded, one_thread
from irg.model.config import LLM_CONFIG
from irg.pipeline.load import NamedCheckpoint
from tests.data.small import write_checkpoint


def holding(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / LLM_CONFIG).touch()
    return folder


def test_the_one_loaded_last_is_kept(tmp_path: Path) -> None:
    checkpoint = NamedCheckpoint(str(write_checkpoint(tmp_path)), "cpu", torch.bfloat16)
    pipeline = loaded(checkpoint)
    assert loaded(NamedCheckpoint(checkpoint.name, "cpu", torch.bfloat16)) is pipeline, "loaded once"
    assert loaded(NamedCheckpoint(checkpoint.name, "cpu")).parts.model.dtype == torch.float32


def test_steps_are_told_by_names(tmp_path: Path) -> None:
    folder = holding(tmp_path, "step-00000200-ema-bfloat16", "step-00001000-ema-bfloat16", "4096")
    (tmp_path / "step-00000300").mkdir()
    (tmp_path / "notes-7.txt").touch()
    assert list(checkpoints_in(folder)) == [4096, 200, 1000]
    assert list(checkpoints_in(folder, 50)) == [4146, 250, 1050]


def test_of_a_run_it_is_what_was_exported(tmp_path: Path) -> None:
    holding(tmp_path / "exported", "step-00000200-ema-bfloat16")
    holding(tmp_path, "9")
    assert checkpoints_in(tmp_path) == {200: tmp_path / "exported" / "step-00000200-ema-bfloat16"}


def test_two_of_one_step_and_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no checkpoint folder"):
        checkpoints_in(tmp_path)
    with pytest.raises(ValueError, match="no folder"):
        checkpoints_in(tmp_path / "absent")
    with pytest.raises(ValueError, match="both of step 20"):
        checkpoints_in(holding(tmp_path, "step-20-ema", "step-20-raw"))


def test_threads_are_given_back_after_an_error() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyError), one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
