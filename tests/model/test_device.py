import pytest
import torch

from irg.model.device import usual_device, usual_dtype


@pytest.mark.parametrize(
    ("has_gpu", "given", "expected"),
    [
        (True, None, "cuda"),
        (False, None, "cpu"),
        (True, "cpu", "cpu"),
        (True, torch.device("cuda:1"), "cuda:1"),
    ],
)
def test_a_gpu_is_taken_unless_something_else_is_named(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, given: torch.device | str | None, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert usual_device(given) == torch.device(expected)


def test_a_cpu_computes_in_float32() -> None:
    assert usual_dtype(torch.device("cpu")) is torch.float32
    assert usual_dtype(torch.device("cuda", 1)) is torch.bfloat16
