import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from irg.bench.pictures import ShownPicture
from irg.bench.protocol import EvidenceRow, Judge, Shown, Status
from irg.bench.remote import HEAR, RemoteJudge, judge_server
from irg.scorers.http import ScorerClient, ScorerFailed, scorer_server
from tests.bench.small import BLUE, COLOURS, ITEMS, RED, ColourJudge
from tests.scorers.serving import running

SHOWN = [Shown(item, 1, {0: ShownPicture(RED), 1: ShownPicture(BLUE)}) for item in ITEMS]
OURS = COLOURS.name, COLOURS.version


class Broken:
    """A judge that an item of every run is too much for."""

    identity: dict[str, Any] = {"name": "broken"}  # noqa: RUF012

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, list[EvidenceRow]]]:
        for one in shown:
            if one.item.id == ITEMS[1].id:
                raise RuntimeError("out of memory")
            yield one, [EvidenceRow(number, "size", {}) for number in one.pictures]


class Together:
    """A judge that takes its time, and counts how many items it hears together at most."""

    identity: dict[str, Any] = {"name": "together"}  # noqa: RUF012

    def __init__(self) -> None:
        self.most = 0

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, list[EvidenceRow]]]:
        self.most = max(self.most, len(shown))
        time.sleep(0.5)  # the others come in the meantime
        for one in shown:
            yield one, [EvidenceRow(number, "size", {}) for number in one.pictures]


class Silent:
    """A judge that says nothing about one item, and goes wrong after all that it says about another."""

    identity: dict[str, Any] = {"name": "silent"}  # noqa: RUF012

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, list[EvidenceRow]]]:
        for one in shown:
            if one.item.id != ITEMS[1].id:
                yield one, [EvidenceRow(number, "size", {}) for number in one.pictures]
        if any(one.item.id == ITEMS[0].id for one in shown):
            raise RuntimeError("too late")


def rows(judge: Judge) -> dict[str, list[EvidenceRow]]:
    return {one.item.id: [*found] for one, found in judge.hear(SHOWN)}


def test_a_served_judge_gives_the_same_evidence_under_the_same_identity() -> None:
    local = ColourJudge(refused=(ITEMS[2].id,))
    with running(judge_server(COLOURS, local, port=0)) as address:
        remote = RemoteJudge(address, *OURS)
        assert remote.identity == local.identity
        assert rows(remote) == rows(local)
    assert rows(local)[ITEMS[2].id][0].status is Status.JUDGE_ERROR


def test_what_a_process_fails_at_is_told_and_the_rest_is_judged() -> None:
    with running(judge_server(COLOURS, Broken(), port=0)) as address:
        found = rows(RemoteJudge(address, *OURS))
    assert [row.status for row in found[ITEMS[0].id]] == [Status.OK, Status.OK]
    assert [(row.picture, row.status) for row in found[ITEMS[1].id]] == [
        (0, Status.JUDGE_ERROR),
        (1, Status.JUDGE_ERROR),
    ]
    assert found[ITEMS[1].id][0].evidence["detail"] == "status 500: RuntimeError: out of memory"


def test_nobody_waits_for_what_a_judge_never_says() -> None:
    with running(judge_server(COLOURS, Silent(), port=0)) as address:
        remote = RemoteJudge(address, *OURS)
        for _ in range(2):
            found = rows(remote)
            silent = found.pop(ITEMS[1].id)[0]
            assert silent.status is Status.JUDGE_ERROR
            assert {row.status for some in found.values() for row in some} == {Status.OK}
        ((_, alone),) = remote.hear([SHOWN[1]])
    assert alone[0].evidence["detail"] == "status 400: the judge says nothing about it"


def test_an_item_has_time_to_wait_for_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are asked about at once, and a judge that takes its time hears one after the other."""
    judge = Together()
    with running(judge_server(COLOURS, judge, port=0)) as address:
        monkeypatch.setattr("irg.bench.remote.ScorerClient", partial(ScorerClient, seconds=0.4))
        found = rows(RemoteJudge(address, *OURS))
    assert {row.status for some in found.values() for row in some} == {Status.OK}


def test_items_that_wait_are_heard_together() -> None:
    judge = Together()
    with running(judge_server(COLOURS, judge, port=0)) as address:
        found = rows(RemoteJudge(address, *OURS))
    assert judge.most >= 2, "while the first was heard the others came"
    assert all(row.status is Status.OK for some in found.values() for row in some)


def test_an_answer_of_another_form_is_no_evidence() -> None:
    about = {"benchmark": COLOURS.name, "version": COLOURS.version, "identity": {}}
    with running(scorer_server(about, {HEAR: lambda asked: {"rows": [{"picture": "x"}]}}, 0)) as address:
        found = rows(RemoteJudge(address, *OURS))
    assert {row.status for some in found.values() for row in some} == {Status.JUDGE_ERROR}


def test_a_process_that_is_gone_ends_the_run() -> None:
    with running(judge_server(COLOURS, ColourJudge(), port=0)) as address:
        remote = RemoteJudge(address, *OURS)
        assert len(rows(remote)) == len(SHOWN)
    with pytest.raises(ValueError, match=f"no scorer answers at {address}"):
        next(iter(remote.hear(SHOWN)))
    with pytest.raises(ValueError, match=f"--judge scorer={address}: no scorer answers"):
        RemoteJudge(address, *OURS)


def test_the_judge_of_another_benchmark_is_refused() -> None:
    for other, said in (
        (replace(COLOURS, version=7), "serves colours in version 7, expected colours in version 3"),
        (replace(COLOURS, name="shades"), "serves shades in version 3, expected colours"),
    ):
        server = judge_server(other, ColourJudge(), port=0)
        with running(server) as address, pytest.raises(ValueError, match=said):
            RemoteJudge(address, *OURS)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "expected a turn, and pictures by their numbers"),
        ({"item": {}, "turn": 1, "pictures": {"a": ""}}, "expected a turn, and pictures"),
        ({"item": {}, "turn": 1, "pictures": {}}, "status 400: 3 validation errors"),
        ({"item": {"id": "0", "prompt": "", "seeds": []}, "turn": 1, "pictures": {"0": "?"}}, "not base64"),
    ],
)
def test_a_request_that_makes_no_sense_is_told(body: dict[str, Any], expected: str) -> None:
    ours = judge_server(COLOURS, ColourJudge(), port=0)
    with running(ours) as address, pytest.raises(ScorerFailed, match=expected):
        ScorerClient(address).ask(HEAR, body)
