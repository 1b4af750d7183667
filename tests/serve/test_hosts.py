import queue
import time
from dataclasses import dataclass
from typing import Any, cast

import pytest

from irg.serve.hosts import Host


@dataclass
class Process:
    exitcode: int | None


def host(code: int | None = None) -> Host:
    return Host(cast(Any, Process(code)), cast(Any, None), queue.SimpleQueue())


def test_a_process_is_silent_once_it_has_spoken_and_says_no_more() -> None:
    one = host()
    assert not one.is_silent(0.0), "it is being started"
    one.heard = time.monotonic() - 5
    assert one.is_silent(4) and not one.is_silent(60)


@pytest.mark.parametrize(
    "code, is_hung, told", [(-9, False, "signal 9"), (1, False, "exit code 1"), (-9, True, "no sign of life")]
)
def test_how_a_process_ended_is_told(code: int, is_hung: bool, told: str) -> None:
    one = host(code)
    one.is_hung = is_hung
    assert told in one.ending
