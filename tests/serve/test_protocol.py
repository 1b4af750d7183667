from multiprocessing import Pipe

import pytest
import torch

from irg.serve.course import Beginning
from irg.serve.protocol import Cancel, PictureProgress, receive, send


def test_what_is_sent_arrives_as_it_was() -> None:
    ours, theirs = Pipe()
    for message in (Cancel("it"), ("it", PictureProgress(1, 2, 3, b"png"))):
        send(ours, message)
        assert receive(theirs) == message
    send(ours, Beginning("a star", ("before",), "S"))
    assert vars(receive(theirs)) == {"instruction": "a star", "before": ("before",), "system": "S"}


def test_tensors_travel_in_the_bytes() -> None:
    """As files of shared memory they would be gone with the process that sent them."""
    ours, theirs = Pipe()
    send(ours, torch.arange(5))
    data = theirs.recv_bytes()
    assert bytes(torch.arange(5).numpy()) in data


def test_the_other_end_may_be_gone() -> None:
    ours, theirs = Pipe()
    ours.close()
    with pytest.raises(EOFError):
        receive(theirs)
