"""The plan: which samples make up which rows of which step.

Every process computes the same plan from lengths alone, with no word between them, and takes its share of
the rows; so the order of the data does not depend on the number of processes, and the planner's small state
is all there is to save of the data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from irg.data.knapsack import fill
from irg.data.lengths import Measured
from irg.data.mixture import Mixture, SampleRef, Window
from irg.data.streams import Rejected

VERSION = 2
_PATIENCE = 8
"""Steps for which the oldest sample may make way for those of required streams."""


@dataclass(frozen=True)
class PackingOptions:
    """How samples are put into rows: up to a budget of `tokens`, or a number of `documents`, one of the two.

    `lookahead` samples wait to be packed, from which a row is chosen. `shuffle_groups` groups of a source
    (`Source.group_sizes`) are shuffled together, or fewer large ones (`irg.data.mixture.Window`).
    """

    tokens: int | None = None
    documents: int | None = None
    rows_per_step: int = 1
    """Of all processes together."""
    lookahead: int = 128
    shuffle_groups: int = 16

    def __post_init__(self) -> None:
        if (self.tokens is None) == (self.documents is None):
            raise ValueError(f"rows need either tokens or documents, got {self.tokens} and {self.documents}")
        for name in ("tokens", "documents", "rows_per_step", "lookahead", "shuffle_groups"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")

    @property
    def capacity(self) -> int:
        """Of a row, in what `cost` counts."""
        return self.tokens or self.documents or 0

    def cost(self, sample: SampleRef) -> int:
        return sample.length if self.tokens is not None else 1


@dataclass(frozen=True)
class PlannedRow:
    """Samples that share a row. A row without any fills up a last step."""

    samples: tuple[SampleRef, ...]
    fill: float
    """Share of the budget that they take."""

    @property
    def tokens(self) -> int:
        return sum(sample.length for sample in self.samples)


@dataclass(frozen=True)
class PlannedStep:
    """All rows of a step, of which process r of n takes rows r, r + n, r + 2n, ..."""

    step: int
    """From 0."""
    rows: tuple[PlannedRow, ...]
    """Always as many: where samples have run out, the last ones are empty."""
    missing: tuple[str, ...] = ()
    """Required streams of which no sample fitted into the step."""
    rejected: tuple[Rejected, ...] = ()
    """Rows of virtual streams that were found unusable on the way."""

    @property
    def tokens(self) -> int:
        return sum(row.tokens for row in self.rows)

    def rows_of(self, rank: int, world: int) -> tuple[PlannedRow, ...]:
        """The rows of one process. All have as many, some of them empty, so that none waits for another."""
        share = self.rows[rank::world]
        return share + (PlannedRow((), 0.0),) * (-(-len(self.rows) // world) - len(share))


@dataclass(frozen=True)
class _Waiting:
    """A sample that was drawn and not packed yet."""

    sample: SampleRef
    cost: int
    since: int
    """The step for which it was drawn."""


@dataclass
class _OpenRow:
    samples: list[SampleRef]
    room: int


class Planner:
    """Plans steps, endlessly or for `epochs` of every stream; iterating goes on where it left off.

    The oldest waiting sample is packed first, so that none waits for long; what room it leaves is filled by
    the oldest samples that fill it well. A required stream without a waiting sample is drawn from out of
    turn. When the streams end, what still waits is packed, and no sample is lost.
    """

    def __init__(
        self, streams: Sequence[Measured], options: PackingOptions, seed: int, epochs: int | None = None
    ) -> None:
        """`streams` come from `irg.data.lengths.survey`, with `longest` no more than the budget."""
        if epochs is not None and epochs < 1:
            raise ValueError(f"epochs is {epochs}, expected at least 1")
        self.streams, self.options, self.seed, self.step = tuple(streams), options, seed, 0
        self._mixture = Mixture(streams, seed, Window(options.shuffle_groups), epochs)
        self._waiting: list[_Waiting] = []
        self._fingerprints = {one.stream.name: _fingerprint(one) for one in streams}
        self._required = [one.stream.name for one in streams if one.stream.required]
        # A row of a number of documents takes the oldest ones: to wait for a choice would be in vain.
        self._lookahead = options.documents or options.lookahead

    def __iter__(self) -> Iterator[PlannedStep]:
        while (step := self.plan()) is not None:
            yield step

    def plan(self) -> PlannedStep | None:
        """The next step, or None at the end."""
        self._draw()
        if not self._waiting:
            return None
        rows = [_OpenRow([], self.options.capacity) for _ in range(self.options.rows_per_step)]
        if self.step - self._waiting[0].since >= _PATIENCE:
            self._take([0], rows[0])
        missing = tuple(name for name in self._required if not self._take_from(name, rows))
        for row in rows:
            self._draw()
            self._fill(row)
        self._draw()  # so that a last step also tells of unusable rows that come after its samples
        capacity = self.options.capacity
        planned = tuple(PlannedRow(tuple(row.samples), 1 - row.room / capacity) for row in rows)
        self.step += 1
        return PlannedStep(self.step - 1, planned, missing, self._mixture.take_rejected())

    def state_dict(self) -> dict[str, Any]:
        """JSON values that say how the plan goes on after the steps planned so far."""
        return {
            "version": VERSION,
            "seed": self.seed,
            "step": self.step,
            "streams": dict(self._fingerprints),
            "mixture": self._mixture.state_dict(),
            "waiting": [
                [one.sample.stream, one.sample.epoch, one.sample.index, one.since] for one in self._waiting
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, whatever number of processes it was saved by.

        Raises ValueError if it is that of another version, seed or data.
        """
        if state.get("version") != VERSION:
            raise ValueError(f"the plan's state has version {state.get('version')}, expected {VERSION}")
        if state["seed"] != self.seed:
            raise ValueError(f"the plan's state is that of seed {state['seed']}, not of {self.seed}")
        self._check_streams(state["streams"])
        self.step = state["step"]
        self._mixture.load_state_dict(state["mixture"])
        self._waiting = []
        for stream, epoch, index, since in state["waiting"]:
            sample = self._mixture.cursors[stream].sample(epoch, index)
            self._waiting.append(_Waiting(sample, self._cost(sample), since))

    def _check_streams(self, saved: dict[str, str]) -> None:
        current = self._fingerprints
        if current.keys() != saved.keys():
            raise ValueError(
                f"the plan's state is that of the streams {', '.join(saved)}, not of {', '.join(current)}"
            )
        if changed := [name for name, fingerprint in saved.items() if current[name] != fingerprint]:
            raise ValueError(
                f"the rows of {', '.join(changed)} or their lengths are not those of the plan's state: data, "
                "tokenizer, image sizes or the longest length have changed"
            )

    def _cost(self, sample: SampleRef) -> int:
        cost = self.options.cost(sample)
        if cost > self.options.capacity:
            raise ValueError(
                f"a sample of {sample.stream} has {cost} tokens, a row only {self.options.capacity}: "
                "measure the streams with a smaller longest length"
            )
        return cost

    def _draw(self) -> None:
        while len(self._waiting) < self._lookahead and (sample := self._mixture.draw()) is not None:
            self._waiting.append(_Waiting(sample, self._cost(sample), self.step))

    def _take_from(self, stream: str, rows: Sequence[_OpenRow]) -> bool:
        """Put the oldest fitting sample of a stream into the emptiest row, unless one is there already.

        False if none fits. A stream that has ended asks for nothing.
        """
        if any(sample.stream == stream for row in rows for sample in row.samples):
            return True
        places = [place for place, one in enumerate(self._waiting) if one.sample.stream == stream]
        if not places:
            sample = self._mixture.draw_from(stream)
            if sample is None:
                return True
            places = [len(self._waiting)]
            self._waiting.append(_Waiting(sample, self._cost(sample), self.step))
        row = max(rows, key=lambda row: row.room)
        fitting = next((place for place in places if self._waiting[place].cost <= row.room), None)
        if fitting is None:
            return False
        self._take([fitting], row)
        return True

    def _fill(self, row: _OpenRow) -> None:
        if self._waiting and self._waiting[0].cost <= row.room:
            self._take([0], row)
        costs = [one.cost for one in self._waiting]
        self._take(fill(costs, row.room, self.options.capacity), row)

    def _take(self, places: list[int], row: _OpenRow) -> None:
        for place in places:
            row.samples.append(self._waiting[place].sample)
            row.room -= self._waiting[place].cost
        for place in sorted(places, reverse=True):
            del self._waiting[place]


def _fingerprint(measured: Measured) -> str:
    return f"{measured.stream.source.fingerprint or ''} {measured.lengths.digest()}".strip()
