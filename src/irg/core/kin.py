"""Processes that end with the one that began them, even where that one is killed."""

import ctypes
import signal
import sys
from collections.abc import Callable

_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def ends_with_us() -> Callable[[], None] | None:
    """For `preexec_fn` of a new process: it is killed when the thread that begins it is gone, which nothing
    in this process could see to after a kill -9. Linux alone has that; elsewhere there is nothing to do."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found before the fork, after which little may be done
    return lambda: prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))
