"""The measurement: episodes of a random model, phase by phase, and the machine's limits between them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

import torch

from irg.bench.speed.calls import KernelCalls, kernel_calls
from irg.bench.speed.clock import Clock, Moment
from irg.bench.speed.limits import MachineLimits
from irg.bench.speed.work import EpisodeWork, NeededWork
from irg.bench.speed.workload import EpisodeWorkload
from irg.core.events import DenoisingStep
from irg.engine import SeededDraws
from irg.model.offload import Offload
from irg.pipeline import Pipeline
from irg.pipeline.episode import RowEvent
from irg.pipeline.fit import memory_of_process, ways
from irg.run.metrics import peak_memory

TEXT, DRAWING = ("thought", "reflection"), ("image 1", "image 2")
"""The phases that the two ratios to the limit are of."""


@dataclass(frozen=True)
class Speed:
    """What was measured. Times are of the median episode, phase by phase."""

    workload: EpisodeWorkload
    device: str
    dtype: torch.dtype
    clock: Clock
    phases: dict[str, Moment]
    works: dict[str, NeededWork]
    limits: MachineLimits
    calls: KernelCalls
    peak_bytes: float
    planned_bytes: float
    """What `irg info --fit` says that it is."""

    def seconds(self, phase: str) -> float:
        return self.clock.seconds(self.phases[phase])

    def limit(self, phase: str) -> float:
        """Seconds that a phase of writing or drawing takes at the machine's best."""
        work = self.works[phase]
        return self.limits.reading(work) if phase in TEXT else self.limits.computing(work)

    def of_limit(self, phases: tuple[str, ...]) -> float:
        return sum(map(self.seconds, phases)) / sum(map(self.limit, phases))

    @property
    def of_laid_out(self) -> float:
        """The time of drawing over that of products by weights laid out, where those are faster."""
        limit = sum(self.limits.computing(self.works[phase], laid_out=True) for phase in DRAWING)
        return sum(map(self.seconds, DRAWING)) / limit


@dataclass
class _Phases:
    """The time between marks, by the phase that a mark ends."""

    clock: Clock
    taken: dict[str, Moment] = field(default_factory=dict)
    last: Moment = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.clock.now()

    def leave_out(self, work: Callable[[], None]) -> None:
        """Do what belongs to no phase."""
        work()
        self.last = self.clock.now()

    def end(self, phase: str) -> None:
        moment = self.clock.now()
        self.taken[phase] = self.taken.get(phase, Moment(0.0, 0.0)) + (moment - self.last)
        self.last = moment


def measure(
    workload: EpisodeWorkload,
    device: torch.device,
    dtype: torch.dtype,
    episodes: int,
    progress: Callable[[str], None] = lambda step: None,
) -> Speed:
    """Measure so many episodes, after a short one to warm up. What is done is told to `progress`."""
    clock = Clock(device)
    progress("counting kernels")
    calls = kernel_calls(workload, device, dtype)
    held = [(workload.weights, Offload.NONE)]
    process = memory_of_process(device)
    (planned,) = ways(workload.config, workload.settings, dtype.itemsize, process, held)
    progress("making a model")
    pipeline, work = workload.pipeline(device, dtype), EpisodeWork(workload).phases()
    read = work["thought"].values / work["thought"].tokens
    limits = MachineLimits.of(clock, dtype, (work[phase] for phase in DRAWING), read)
    _episode(pipeline, workload, clock, short=True)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    taken, peak = [], None
    for number in range(episodes):
        progress(f"episode {number + 1} of {episodes}")
        if peak is None:  # later ones are the same, and come after what the machine's limits take
            taken.append(_episode(pipeline, workload, clock))
            peak = peak_memory(device)
        else:
            taken.append(_episode(pipeline, workload, clock, between=limits.measure))
        progress("bare products and reading")
        limits.measure()
    assert peak is not None, "no episodes"
    return Speed(
        workload=workload,
        device=device_name(device),
        dtype=dtype,
        clock=clock,
        phases={phase: _median([one[phase] for one in taken]) for phase in work},
        works=work,
        limits=limits,
        calls=calls,
        peak_bytes=peak,
        planned_bytes=planned.peak,
    )


def _episode(
    pipeline: Pipeline,
    workload: EpisodeWorkload,
    clock: Clock,
    short: bool = False,
    between: Callable[[], None] = lambda: None,
) -> dict[str, Moment]:
    """The time of each phase of one episode, with something else done between its turns; a `short` one only
    warms up."""
    plan = workload.plan
    if short:
        settings = pipeline.settings.model_copy(update={"num_points": 4, "max_thought_tokens": 4})
        plan = workload.saving(settings.plan(turns=2))
    phases = _Phases(clock)
    rollout = pipeline.rollout([workload.prompt], plan, [SeededDraws(0)])
    phases.end("prefill")
    for turn, thinking, drawing in zip(plan.turns, TEXT, DRAWING, strict=True):
        if thinking == "reflection":
            phases.leave_out(between)
        rollout.look(turn)
        phases.end("re-entry" if thinking == "reflection" else "prefill")
        for _ in rollout.think():
            pass
        phases.end(thinking)
        for _ in _until_drawn(rollout.draw(turn)):
            phases.end(drawing)
        phases.end("decode")
    return phases.taken


def _until_drawn(events: Iterator[RowEvent]) -> Iterator[None]:
    """Exhausts the drawing of a picture, yielding once: after the last step and before it is decoded."""
    for _, event in events:
        if isinstance(event, DenoisingStep) and event.index == event.total:
            yield


def _median(moments: list[Moment]) -> Moment:
    return Moment(median(one.wall for one in moments), median(one.cpu for one in moments))


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} thread(s)"
