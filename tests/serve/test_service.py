"""Processes of the small model, killed and started again."""

import asyncio
import os
import queue
import shutil
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from irg.pipeline.load import NamedCheckpoint
from irg.serve.asked import Contents, Manner
from irg.serve.asking import Asker
from irg.serve.fields import DrawingFields, TextFields
from irg.serve.hosts import Host
from irg.serve.protocol import Ended, ModelLoaded, PictureProgress, Pulse
from irg.serve.refusals import Refused
from irg.serve.service import Capacity, EngineRequest, Service, usual_workers

LOADING = 200.0


def wanted(checkpoint: NamedCheckpoint, **fields: Any) -> EngineRequest:
    manner = Manner(DrawingFields(**fields), TextFields())
    return Asker(checkpoint).episode(Contents(("a star",)), manner, "me").wanted


def with_service(
    checkpoint: NamedCheckpoint, capacity: Capacity, body: Callable[[Service], Coroutine[Any, Any, None]]
) -> None:
    async def run() -> None:
        service = Service([checkpoint], capacity)
        await service.start()
        try:
            await service.until_ready(LOADING)
            await body(service)
        finally:
            await service.stop()
        assert not [host for host in service.hosts if host and is_there(host.process.pid)]

    asyncio.run(run())


def is_there(process: int | None) -> bool:
    """Not by `is_alive`, which errs while another thread is learning of the end."""
    assert process is not None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def drawn(service: Service, what: EngineRequest) -> list[Any]:
    return [said async for said in await service.ask(what)]


async def drawing(service: Service, what: EngineRequest) -> Any:
    """A request whose picture has been begun."""
    telling = await service.ask(what)
    async for said in telling:
        if isinstance(said, PictureProgress):
            return telling
    raise AssertionError("it ended before it was drawn")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LOADING):
        while not holds():
            await asyncio.sleep(0.02)


def test_a_killed_process_fails_its_requests_and_comes_back(small_checkpoint: NamedCheckpoint) -> None:
    async def body(service: Service) -> None:
        telling = await drawing(service, wanted(small_checkpoint, steps=900))
        (host,) = service.hosts
        assert host is not None and host.process.pid is not None
        os.kill(host.process.pid, signal.SIGKILL)
        with pytest.raises(Refused, match=r"signal 9.*started again") as refused:
            async for _ in telling:
                pass
        assert (refused.value.status, refused.value.code) == (503, "worker_lost")
        assert isinstance((await drawn(service, wanted(small_checkpoint)))[-1], Ended), (
            "it waits for the next"
        )
        assert service.num_lost == 1

    with_service(small_checkpoint, Capacity(), body)


def test_a_process_that_hangs_is_ended_and_comes_back(small_checkpoint: NamedCheckpoint) -> None:
    """It lives, but nothing comes from it any more."""

    async def body(service: Service) -> None:
        telling = await drawing(service, wanted(small_checkpoint, steps=900))
        (host,) = service.hosts
        assert host is not None and host.process.pid is not None
        os.kill(host.process.pid, signal.SIGSTOP)
        with pytest.raises(Refused, match=r"no sign of life.*started again") as refused:
            async for _ in telling:
                pass
        assert (refused.value.status, refused.value.code) == (503, "worker_lost")
        assert isinstance((await drawn(service, wanted(small_checkpoint)))[-1], Ended)
        assert service.num_lost == 1 and not host.process.is_alive()

    with_service(small_checkpoint, Capacity(silence=10.0, patience=LOADING), body)


def test_processes_that_share_a_device_share_its_requests(small_checkpoint: NamedCheckpoint) -> None:
    async def body(service: Service) -> None:
        await until(lambda: service.num_ready == 2)
        slow = [await drawing(service, wanted(small_checkpoint, steps=900)) for _ in range(2)]
        first, second = service.hosts
        assert first and second and first.loaded and second.loaded
        assert [list(host.tickets) for host in (first, second)] == [[one.ticket] for one in slow]
        assert isinstance((await drawn(service, wanted(small_checkpoint)))[-1], Ended)
        for one in slow:
            await one.aclose()

    with_service(small_checkpoint, Capacity(workers=2), body)


def test_a_small_model_shares_a_cpu_with_itself(small_checkpoint: NamedCheckpoint) -> None:
    assert usual_workers(small_checkpoint) == min(2, torch.get_num_threads())
    assert usual_workers(replace(small_checkpoint, device="cuda")) == 1


def test_who_stops_listening_frees_the_model(small_checkpoint: NamedCheckpoint) -> None:
    async def body(service: Service) -> None:
        pulses: list[Pulse] = []
        service.watchers.append(pulses.append)
        telling = await drawing(service, wanted(small_checkpoint, steps=900))
        await until(lambda: bool(pulses) and pulses[-1].running == 1)
        assert pulses[-1].taken > 0
        await telling.aclose()
        await until(lambda: pulses[-1].running == 0)
        assert pulses[-1].taken == 0 and service.num_requests == 0

    with_service(small_checkpoint, Capacity(), body)


def test_what_cannot_fit_or_wait_is_refused_at_once(small_checkpoint: NamedCheckpoint) -> None:
    one = wanted(small_checkpoint)

    async def body(service: Service) -> None:
        with pytest.raises(Refused, match=r"needs .* MB") as too_large:
            await service.ask(replace(one, footprint=one.footprint + 1))
        assert too_large.value.status == 413
        slow = wanted(small_checkpoint, steps=900)
        slow = replace(slow, footprint=one.footprint)
        first, second = await drawing(service, slow), await service.ask(slow)
        with pytest.raises(Refused, match="2 requests run and wait already") as full:
            await service.ask(slow)
        assert full.value.status == 429 and "retry-after" in full.value.headers
        await first.aclose()
        assert isinstance(await anext(second), object), "who waited runs"
        await second.aclose()

    with_service(small_checkpoint, Capacity(1, 1, budget=one.footprint), body)


def loaded(budget: int) -> Any:
    """A process that has so much memory for contexts, and only listens."""
    host = Host(cast(Any, None), cast(Any, None), queue.SimpleQueue())
    host.loaded = ModelLoaded(budget)
    return host


def test_a_request_goes_where_it_fits(small_checkpoint: NamedCheckpoint) -> None:
    async def run() -> None:
        service, one = Service([small_checkpoint] * 2), wanted(small_checkpoint)
        small, large = loaded(one.footprint - 1), loaded(one.footprint)
        service.hosts = [small, large]
        for _ in range(2):
            await service.ask(one)
        assert (len(small.tickets), len(large.tickets)) == (0, 2)

    asyncio.run(run())


def test_a_process_that_cannot_be_started_is_tried_again(
    small_checkpoint: NamedCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, tries = Service([small_checkpoint]), []

    def begin(number: int) -> None:
        tries.append(number)
        if len(tries) < 3:
            raise OSError("no more processes")

    async def run() -> None:
        service._is_open = True
        await service._begin_after(0, 0.0)

    monkeypatch.setattr(service, "_begin", begin)
    monkeypatch.setattr("irg.serve.service._LONGEST_PAUSE", 0.01)
    asyncio.run(run())
    assert tries == [0, 0, 0]


@pytest.mark.parametrize(
    "device, gpus, expected", [(None, 2, ["cuda:0", "cuda:1"]), (None, 0, [None]), ("cpu", 2, ["cpu"])]
)
def test_there_is_a_model_on_every_gpu_unless_a_device_is_named(
    monkeypatch: pytest.MonkeyPatch, device: str | None, gpus: int, expected: list[str | None]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert [one.device for one in Service([NamedCheckpoint(device=device)]).checkpoints] == expected


def test_nobody_waits_for_ever_for_a_model(small_checkpoint: NamedCheckpoint) -> None:
    async def run() -> None:
        service = Service([small_checkpoint], Capacity(patience=0.05))
        with pytest.raises(Refused, match="being loaded") as refused:
            await service.ask(wanted(small_checkpoint))
        assert refused.value.status == 503

    asyncio.run(run())


def test_a_model_that_cannot_be_loaded_is_told_of(small_checkpoint: NamedCheckpoint, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(small_checkpoint.folder.path, broken)
    (broken / "ema.safetensors").write_bytes(b"no weights")

    async def run() -> None:
        service = Service([NamedCheckpoint(str(broken), "cpu")], Capacity(patience=0.05))
        await service.start()
        await until(lambda: service.num_lost > 0)
        with pytest.raises(Refused, match="cannot be loaded") as refused:
            await service.ask(wanted(small_checkpoint))
        assert refused.value.status == 503
        await service.stop()

    asyncio.run(run())
