"""Judges that are processes of their own: any benchmark's judge can be served, and asked at an address.

Many items are asked about at once, and what waits is heard together: a judge that asks a model behind an
address asks about all of it at once, as it does where the benchmark runs.
"""

import base64
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict
from http.server import ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any

from pydantic import TypeAdapter, ValidationError

from irg.bench.failing import failed_row
from irg.bench.items import Item
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Benchmark, EvidenceRow, Judge, Shown
from irg.core.reading import from_base64
from irg.scorers.http import ScorerClient, ScorerFailed, ScorerGone, scorer_server

HEAR = "/hear"
_AT_ONCE = 16
"""Items that a process is asked about at a time."""
_TURNS = 2 * _AT_ONCE
"""Items that are heard until one is answered at most: all of one hearing, and all of the next."""
_FAILED = "scorer"
"""The question of a row that stands for those that a process did not answer."""
_Asked = tuple[Shown, Future[Sequence[EvidenceRow]]]
_items, _rows = TypeAdapter(Item), TypeAdapter(list[EvidenceRow])


def judge_server(
    benchmark: Benchmark, judge: Judge, port: int, host: str = "127.0.0.1"
) -> ThreadingHTTPServer:
    """A server of a judge, which says whose it is. Raises ValueError for a port that cannot be had."""
    about = {"benchmark": benchmark.name, "version": benchmark.version, "identity": dict(judge.identity)}

    desk = _Desk(judge)

    def hear(asked: dict[str, Any]) -> Mapping[str, Any]:
        return {"rows": _rows.dump_python([*desk.rows(_shown(asked))], mode="json")}

    return scorer_server(about, {HEAR: hear}, port, host, at_once=True)


class _Desk:
    """A judge before whom many bring what they have: it hears all that waits together, and nothing beside."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._waiting: SimpleQueue[_Asked] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def rows(self, shown: Shown) -> Sequence[EvidenceRow]:
        """Raises whatever the judge raises about it."""
        answer = Future[Sequence[EvidenceRow]]()
        self._waiting.put((shown, answer))
        return answer.result()

    def _work(self) -> None:
        while True:
            together = [self._waiting.get(), *self._others()]
            ended = self._hear(together)
            for one in together:
                if one[1].done():
                    continue
                if len(together) > 1:  # what ended the hearing was of one of them
                    ended = self._hear([one])
                if not one[1].done():  # nobody waits for ever
                    one[1].set_exception(ended or ValueError("the judge says nothing about it"))

    def _others(self) -> Iterator[_Asked]:
        try:
            while True:
                yield self._waiting.get_nowait()
        except Empty:
            return

    def _hear(self, together: Sequence[_Asked]) -> Exception | None:
        """What ended it, if anything did."""
        answers = {id(shown): answer for shown, answer in together}
        try:
            for shown, rows in self._judge.hear([shown for shown, _ in together]):
                answers[id(shown)].set_result(rows)
        except Exception as error:  # whatever a model raises: who asked alone is told
            return error
        return None


class RemoteJudge:
    """The judge that a process at an address serves: it gives the same evidence under the same identity.

    Raises ValueError where there is none, or that of another benchmark.
    """

    def __init__(self, address: str, benchmark: str, version: int) -> None:
        try:
            self._client = ScorerClient(address)
        except ScorerFailed as failure:
            raise ValueError(f"--judge scorer={address}: {failure}") from failure
        about = self._client.about
        if (whose := (about.get("benchmark"), about.get("version"))) != (benchmark, version):
            raise ValueError(
                f"--judge scorer={address} serves {whose[0]} in version {whose[1]}, expected {benchmark} in "
                f"version {version}"
            )
        if not isinstance(identity := about.get("identity"), dict):
            raise ValueError(f"--judge scorer={address} does not say who judges")
        self.identity: Mapping[str, Any] = identity

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        """In the order in which they are answered. What the process cannot tell is a row that says so. Raises
        ValueError once it is gone."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = {pool.submit(self._heard, one): one for one in shown}
            try:
                for answer in as_completed(asked):
                    yield asked[answer], answer.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _heard(self, shown: Shown) -> Sequence[EvidenceRow]:
        pictures = {
            str(number): base64.b64encode(picture.data).decode() for number, picture in shown.pictures.items()
        }
        body = {"item": asdict(shown.item), "turn": shown.turn, "pictures": pictures}
        try:
            return _rows.validate_python(self._client.ask(HEAR, body, _TURNS).get("rows"))
        except ScorerGone as failure:
            raise ValueError(str(failure)) from failure
        except (ScorerFailed, ValidationError) as failure:
            detail = str(failure).partition("\n")[0]
            return [failed_row(number, _FAILED, "the scorer failed", detail) for number in shown.pictures]


def _shown(asked: Mapping[str, Any]) -> Shown:
    """Raises ValueError for what no client of ours sends."""
    item, turn, pictures = (asked.get(name) for name in ("item", "turn", "pictures"))
    if not isinstance(turn, int) or not isinstance(pictures, dict) or not all(map(str.isdecimal, pictures)):
        raise ValueError("expected a turn, and pictures by their numbers")
    return Shown(
        _items.validate_python(item),
        turn,
        {
            int(number): ShownPicture(from_base64(str(text), f"picture {number}"))
            for number, text in pictures.items()
        },
    )
