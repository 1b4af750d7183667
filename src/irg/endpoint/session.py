"""What an endpoint holds while questions are under way in one event loop: connections, places, waiting."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import cached_property, partial

from irg.core.cost import Cost
from irg.endpoint.answers import AttemptError, Response
from irg.endpoint.budget import NANOS, Charge, Ledger
from irg.endpoint.cache import Stored
from irg.endpoint.errors import EndpointError, NoAnswer
from irg.endpoint.settings import EndpointSettings
from irg.endpoint.wire import Wire

Result = tuple[Stored, int] | EndpointError
Exchange = Callable[[Wire], Awaitable[Response]]

_VARYING = re.compile(r"\w*\d\w*")
"""What differs between answers that say the same: numbers, and the names of requests."""


class Patience:
    """When to stop asking at all, rather than reject every record of a long run, one by one: it remembers
    failures that concern every later question, how many in a row got no answer, and how many of the first
    questions of a kind met one and the same answer that no other attempt would change."""

    def __init__(self, bound: int, alike: int) -> None:
        self._bound, self._most_alike = bound, alike
        self._num_unanswered = 0
        self._answered: set[str] = set()
        self._alike: dict[str, tuple[str, int]] = {}
        """By the kind of question, while none was answered: what the last one met, and how often so far."""
        self._stopped: EndpointError | None = None

    def check(self) -> None:
        """Raises the EndpointError that ended the run, if one did."""
        if self._stopped is not None:
            raise EndpointError(self._stopped.reason, self._stopped.problem, self._stopped.said)

    def answered(self, kind: str) -> None:
        self._num_unanswered = 0
        self._answered.add(kind)

    def known(self, kind: str) -> None:
        """A question of this kind was answered in an earlier run."""
        self._answered.add(kind)

    def failed(self, kind: str, failure: EndpointError) -> EndpointError:
        """Remember what a question of a kind met. Returns it, or what it means together with those before."""
        if self._stopped is not None:
            return failure
        num_alike = self._num_alike(kind, failure)
        self._num_unanswered = self._num_unanswered + 1 if failure.reason.unanswered else 0
        if self._num_unanswered >= self._bound:
            text = f"{self._num_unanswered} requests in a row got no answer, the last: {failure}"
            failure = EndpointError(NoAnswer.UNAVAILABLE, text)
        elif num_alike >= self._most_alike:
            text = f"the first {num_alike} questions met one answer: {failure} (alike: {self._most_alike})"
            failure = EndpointError(NoAnswer.ALIKE, text)
        if failure.reason.stops_run:
            self._stopped = failure
        return failure

    def _num_alike(self, kind: str, failure: EndpointError) -> int:
        """How many questions of a kind, of which none was answered, have met this one after the other."""
        if kind in self._answered or failure.reason.retried:
            return 0
        words = f"{failure.reason} {_VARYING.sub('', failure.problem)}"
        last, count = self._alike.get(kind, ("", 0))
        self._alike[kind] = (words, count + 1 if words == last else 1)
        return self._alike[kind][1]


class Session:
    """Sends requests: so many at once, each charged before it goes, each again after a passing failure."""

    def __init__(self, settings: EndpointSettings, budget: Ledger, patience: Patience) -> None:
        self.users = 0
        self.running: dict[str, asyncio.Task[Result]] = {}
        """Questions under way by key, for others that ask the same."""
        self._settings = settings
        self._budget = budget
        self._patience = patience
        self._places = asyncio.Semaphore(settings.in_flight)
        self._resume_at = 0.0
        self._reserved = 0
        self._num_settled = 0
        self._settled = asyncio.Condition()
        self._events: Counter[str] = Counter()
        self._jitter = random.Random()

    @cached_property
    def _wire(self) -> Wire:
        """Made for the first question that is not known already: it takes the key, and tens of
        milliseconds."""
        return Wire(self._settings)

    def count(self, event: str) -> None:
        """Count something for the account; it is written with the next request that is settled."""
        self._events[event] += 1

    async def send(self, exchange: Exchange, most: Charge) -> tuple[Response, Cost, int]:
        """The answer, what it cost and the attempts that it took. Raises EndpointError after the last."""
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            retry=retry_if_exception(self._is_worth_another),
            wait=lambda state: self._wait(state.attempt_number, state.outcome and state.outcome.exception()),
            reraise=True,
        )
        try:
            answer, used = await retrying(self._attempt, partial(exchange, self._wire), most)
        except AttemptError as failed:
            attempts = retrying.statistics["attempt_number"]
            times = f" ({attempts} attempts)" if attempts > 1 else ""
            failure = EndpointError(failed.reason, failed.detail + times)
        else:
            cost = Cost(1, used.tokens_in, used.tokens_out, used.nanos / NANOS)
            return answer, cost, retrying.statistics["attempt_number"]
        raise failure

    async def close(self) -> None:
        """Give up what nobody waits for any more, and the connections."""
        running = tuple(self.running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if "_wire" in self.__dict__:
            await self._wire.close()

    async def _attempt(
        self, exchange: Callable[[], Awaitable[Response]], most: Charge
    ) -> tuple[Response, Charge]:
        async with self._places:
            while (wait := self._resume_at - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(wait)
            self._patience.check()
            await self._reserve(most)
            try:
                return await self._charged(exchange, most)
            finally:
                async with self._settled:
                    self._reserved -= 1
                    self._num_settled += 1
                    self._settled.notify_all()

    async def _charged(
        self, exchange: Callable[[], Awaitable[Response]], most: Charge
    ) -> tuple[Response, Charge]:
        """One exchange, and then its charge put right; given up in the middle, it stays charged in full."""
        try:
            answer = await exchange()
        except AttemptError as failed:
            self.count(failed.reason)
            await self._settle(most, most if failed.served else Charge())
            self._hold_back(failed)
            raise
        used = _used(answer, most, self._settings)
        await self._settle(most, used)
        return answer, used

    async def _reserve(self, most: Charge) -> None:
        """Charge a request. Where the bound is near, wait for what others under way may give back."""
        while True:
            num_settled = self._num_settled
            try:
                await asyncio.to_thread(self._budget.reserve, self._settings.model, most)
                self._reserved += 1
                return
            except EndpointError:
                if self._num_settled == num_settled and self._reserved == 0:
                    raise
            async with self._settled:
                await self._settled.wait_for(lambda: self._num_settled != num_settled)  # noqa: B023

    async def _settle(self, most: Charge, used: Charge) -> None:
        events, self._events = list(self._events.elements()), Counter()
        await asyncio.to_thread(self._budget.settle, self._settings.model, most, used, events)

    def _hold_back(self, failed: AttemptError) -> None:
        """When a server says how long to wait, it means all of us."""
        if failed.retry_after is not None and failed.retry_after <= self._settings.backoff.retry_after:
            now = asyncio.get_running_loop().time()
            self._resume_at = max(self._resume_at, now + failed.retry_after)

    def _is_worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, AttemptError):
            return False
        return error.reason.retried and (error.retry_after or 0.0) <= self._settings.backoff.retry_after

    def _wait(self, attempt: int, error: BaseException | None) -> float:
        """Seconds after the attempt of that number (from 1): doubling, bounded, half of it random."""
        asked = error.retry_after if isinstance(error, AttemptError) else None
        backoff = self._settings.backoff
        bound = min(backoff.longest, backoff.first * 2 ** (attempt - 1))
        return max(asked or 0.0, bound * self._jitter.uniform(0.5, 1.0))


def _used(answer: Response, most: Charge, settings: EndpointSettings) -> Charge:
    """What an answer used: by the server's count, or the most that it may have used where it gives none."""
    tokens_in = most.tokens_in if answer.tokens_in is None else answer.tokens_in
    tokens_out = most.tokens_out if answer.tokens_out is None else answer.tokens_out
    return Charge.of(settings.price, tokens_in, tokens_out, most.images)
