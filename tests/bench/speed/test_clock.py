import time

import torch

from irg.bench.speed.clock import Clock, Moment


def test_of_one_thread_its_own_time_counts() -> None:
    clock = Clock(torch.device("cpu"))
    started = clock.now()
    time.sleep(0.05)
    slept = clock.now() - started
    assert slept.wall >= 0.05 > clock.seconds(slept)
    assert Moment(1.0, 2.0) + Moment(0.5, 0.25) == Moment(1.5, 2.25)


def test_of_many_threads_the_wall_counts() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert Clock(torch.device("cpu")).seconds(Moment(1.0, 2.0)) == 1.0
    finally:
        torch.set_num_threads(threads)
