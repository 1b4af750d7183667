"""What requests cost, and the bounds that they never pass.

A request is charged before it is sent, at the most that it can cost, and what it did not cost is given
back when its answer is there. A process that dies in between leaves the whole charge standing: the request
may have been served. So the sums are never below what was spent, and a bound holds for any number of
processes at once.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from irg.endpoint.database import Database
from irg.endpoint.errors import EndpointError, NoAnswer
from irg.endpoint.settings import Account, Price

NANOS = 10**9
"""Money is counted in billionths, as integers, so that sums are exact."""


@dataclass(frozen=True)
class Charge:
    """What one request used, or may use at most."""

    tokens_in: int = 0
    tokens_out: int = 0
    images: int = 0
    nanos: int = 0

    @classmethod
    def of(cls, price: Price | None, tokens_in: int, tokens_out: int, images: int = 0) -> "Charge":
        """The charge at a price; a model without one costs nothing. Rounded up."""
        price = price or Price()
        tokens = (tokens_in * price.input + tokens_out * price.output) / 10**6
        return cls(tokens_in, tokens_out, images, math.ceil((tokens + images * price.image) * NANOS))


@dataclass(frozen=True)
class Spending:
    """What was charged for one model: everything still under way at the most that it can cost."""

    model: str
    requests: int
    tokens_in: int
    tokens_out: int
    images: int
    money: float
    events: dict[str, int] = field(default_factory=dict)
    """How often attempts failed, by reason, and answers had to be repaired."""


class Ledger:
    """The sums of one account. All methods are single transactions, and safe from any thread or process."""

    def __init__(self, database: Database, account: Account) -> None:
        self._database = database
        self._account = account

    def reserve(self, model: str, most: Charge) -> None:
        """Charge one request before it is sent. Raises EndpointError when that would pass a bound."""
        with self._database.writing() as connection:
            sums = "SELECT IFNULL(SUM(requests), 0), IFNULL(SUM(nanos), 0) FROM spending WHERE account = ?"
            requests, nanos = connection.execute(sums, (self._account.name,)).fetchone()
            self._check(requests, nanos, most.nanos)
            connection.execute(
                "INSERT INTO spending (account, model, requests, nanos) VALUES (?, ?, 1, ?) "
                "ON CONFLICT (account, model) DO UPDATE "
                "SET requests = requests + 1, nanos = nanos + excluded.nanos",
                (self._account.name, model, most.nanos),
            )

    def settle(self, model: str, most: Charge, used: Charge, events: Iterable[str] = ()) -> None:
        """Put what a reserved request used in the place of the most that it could have, and count events."""
        amounts = (used.tokens_in, used.tokens_out, used.images, used.nanos - most.nanos)
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE spending SET tokens_in = tokens_in + ?, tokens_out = tokens_out + ?, "
                "images = images + ?, nanos = nanos + ? WHERE account = ? AND model = ?",
                (*amounts, self._account.name, model),
            )
            for event in events:
                connection.execute(
                    "INSERT INTO events VALUES (?, ?, ?, 1) "
                    "ON CONFLICT (account, model, event) DO UPDATE SET count = count + 1",
                    (self._account.name, model, event),
                )

    def spending(self) -> tuple[Spending, ...]:
        """The sums by model, in the order of their names."""
        name = self._account.name
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT model, requests, tokens_in, tokens_out, images, nanos FROM spending "
                "WHERE account = ? ORDER BY model",
                (name,),
            ).fetchall()
            counted = connection.execute(
                "SELECT model, event, count FROM events WHERE account = ? ORDER BY model, event", (name,)
            ).fetchall()
        events: dict[str, dict[str, int]] = {row[0]: {} for row in rows}
        for model, event, count in counted:
            events[model][event] = count
        return tuple(
            Spending(model, requests, tokens_in, tokens_out, images, nanos / NANOS, events[model])
            for model, requests, tokens_in, tokens_out, images, nanos in rows
        )

    def _check(self, requests: int, nanos: int, more_nanos: int) -> None:
        account = self._account
        if account.max_requests is not None and requests + 1 > account.max_requests:
            raise EndpointError(
                NoAnswer.BUDGET, f"all {account.max_requests} requests (max_requests) are made"
            )
        if account.max_cost is not None and nanos + more_nanos > round(account.max_cost * NANOS):
            raise EndpointError(
                NoAnswer.BUDGET,
                f"{nanos / NANOS:.6g} of {account.max_cost:g} (max_cost) are spent or reserved, "
                f"and a request may take {more_nanos / NANOS:.6g}",
            )


def spent(account: Account) -> tuple[Spending, ...]:
    """What was charged to an account so far, for reports."""
    database = Database(account)
    if not database.path.exists():
        return ()
    try:
        return Ledger(database, account).spending()
    finally:
        database.close()
