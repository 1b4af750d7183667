import pytest
import torch

from irg.model.device import usable_device, usual_device, usual_dtype


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


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("nowhere", "device 'nowhere' cannot be used here: Expected one of cpu"),
        (torch.device("cuda:99"), "device 'cuda:99' cannot be used here"),
        ("meta", "holds no numbers"),
    ],
)
def test_a_device_that_is_not_here(device: torch.device | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        usable_device(device)
    assert usable_device("cpu") == torch.device("cpu")
