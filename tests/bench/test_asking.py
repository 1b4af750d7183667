import os
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from irg.bench.asking import AskingJudge, Question
from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, JudgeOptions, Shown, Status
from irg.bench.vlm import vlm_settings
from irg.endpoint import ChatRequest, Message, spent
from irg.endpoint.structured import UnfitAnswerError
from tests.bench.judging_server import options, picture, show, shown_bytes, words
from tests.endpoint.conftest import PROCESSES
from tests.endpoint.fake_server import Behaviour, Body, FakeServer, Fault, serving

pytest.importorskip("openai", reason="judges behind addresses need the extra `curate`")

COLOURS = [picture((number, 0, 0)) for number in range(6)]
SHOWN = [show(Item(str(number), f"p{number}", (0,)), one) for number, one in enumerate(COLOURS)]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour(answer=lambda body: f"yes, {words(body)}")) as running:
        yield running


def yes_or_no(text: str) -> dict[str, Any]:
    word = text.partition(",")[0].lower()
    if word not in ("yes", "no"):
        raise UnfitAnswerError("it is neither yes nor no")
    return {"yes": word == "yes"}


def judge(given: JudgeOptions, **settings: str) -> AskingJudge:
    chosen = vlm_settings(given, {"model": "x", **settings})

    def request(item: Item, one: Any, attempt: int) -> ChatRequest:
        return ChatRequest((Message("user", (item.prompt, one)),), 50, "t", 0.0)

    def questions(shown: Shown) -> list[Question]:
        return [
            Question(number, "is it", partial(request, shown.item, one), yes_or_no)
            for number, one in shown.pictures.items()
        ]

    return AskingJudge(chosen.endpoint(given), chosen.identity("t@1", {}), questions, chosen.readings)


def heard(one: AskingJudge, shown: list[Shown] = SHOWN) -> dict[str, EvidenceRow]:
    return {item.item.id: row for item, (row,) in one.hear(shown)}


def asked_about(server: FakeServer) -> Counter[str]:
    return Counter(words(seen.body) for seen in server.requests)


def test_each_picture_is_judged_by_its_own_bytes(server: FakeServer, tmp_path: Path) -> None:
    rows = heard(judge(options(server, tmp_path)))
    assert rows["3"] == EvidenceRow(
        0, "is it", {"yes": True, "answer": "yes, p3"}, judge={"served": "judge-0613", "asked": "t"}
    )
    shown = {words(seen.body): shown_bytes(seen.body) for seen in server.requests}
    assert shown == {f"p{number}": [one.data] for number, one in enumerate(COLOURS)}


def test_what_was_answered_is_not_paid_again(server: FakeServer, tmp_path: Path) -> None:
    first = heard(judge(options(server, tmp_path)))
    assert heard(judge(options(server, tmp_path))) == first
    assert server.num_requests == len(SHOWN)


@pytest.mark.parametrize(
    "changed", [{"model": "other"}, {"extra": '{"think": true}'}], ids=["model", "extra"]
)
def test_another_judge_is_asked_anew(server: FakeServer, tmp_path: Path, changed: dict[str, str]) -> None:
    heard(judge(options(server, tmp_path)))
    heard(judge(options(server, tmp_path, **changed)))
    assert server.num_requests == 2 * len(SHOWN)


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_then_told(
    server: FakeServer, tmp_path: Path
) -> None:
    answers = {"p1": iter(["maybe", "no, not so"]), "p2": iter(["hm"] * 3)}
    server.behaviour = Behaviour(answer=lambda body: next(answers.get(words(body), iter(["yes"]))))
    rows = heard(judge(options(server, tmp_path)))
    assert rows["1"].evidence == {"yes": False, "answer": "no, not so", "unread": ["maybe"]}
    assert rows["2"].status is Status.PARSE_FAILED
    assert rows["2"].evidence["unread"] == ["hm"] * 3
    assert asked_about(server) == {"p0": 1, "p1": 2, "p2": 3, "p3": 1, "p4": 1, "p5": 1}


def test_what_failed_is_asked_again_and_nothing_else(server: FakeServer, tmp_path: Path) -> None:
    def message(body: Body) -> Body:
        refused = {"role": "assistant", "content": None, "refusal": "I must not"}
        empty = {"role": "assistant", "content": ""}
        answer = {"role": "assistant", "content": "yes"}
        return {"p1": refused, "p2": empty, "p3": {"role": "assistant", "content": "?"}}.get(
            words(body), answer
        )

    def status(body: Body) -> tuple[int, Body] | None:
        return (400, {"error": {"message": "too large"}}) if words(body) == "p4" else None

    server.behaviour = Behaviour(message=message, status=status)
    first = heard(judge(options(server, tmp_path, attempts="1")))
    assert {number: row.status for number, row in first.items()} == {
        "0": Status.OK,
        "1": Status.REFUSED,
        "2": Status.JUDGE_ERROR,
        "3": Status.PARSE_FAILED,
        "4": Status.JUDGE_ERROR,
        "5": Status.OK,
    }
    assert "too large" in first["4"].evidence["detail"]
    assert first["2"].evidence["reason"] == "malformed response"
    server.behaviour, server.requests[:] = Behaviour(answer=lambda body: "yes"), []
    assert {row.status for row in heard(judge(options(server, tmp_path))).values()} == {Status.OK}
    assert set(asked_about(server)) == {"p1", "p2", "p3", "p4"}


def test_errors_on_the_way_have_attempts_of_their_own(server: FakeServer, tmp_path: Path) -> None:
    server.behaviour = Behaviour(
        faults={Fault.SERVER_ERROR: 0.3, Fault.TRUNCATED: 0.3, Fault.RESET: 0.3},
        times=2,
        answer=lambda body: "yes",
    )
    rows = heard(judge(options(server, tmp_path, readings="1")))
    assert {row.status for row in rows.values()} == {Status.OK}
    assert server.num_requests > len(SHOWN)


def test_a_judge_that_says_nothing_in_time_is_told(server: FakeServer, tmp_path: Path) -> None:
    server.behaviour = Behaviour(faults={Fault.HANG: 1.0})
    rows = heard(judge(options(server, tmp_path, timeout="0.2", attempts="1")), SHOWN[:1])
    assert rows["0"].status is Status.JUDGE_ERROR and rows["0"].evidence["reason"] == "timed out"


def test_a_bound_on_what_it_may_cost_is_never_passed(server: FakeServer, tmp_path: Path) -> None:
    bound = {"in_flight": "1", "max_requests": "2"}
    rows = heard(judge(options(server, tmp_path, **bound)))
    assert Counter(row.status for row in rows.values()) == {Status.OK: 2, Status.JUDGE_ERROR: 4}
    assert {row.evidence["reason"] for row in rows.values() if row.status is not Status.OK} == {"budget"}
    assert server.num_requests == 2
    one = judge(options(server, tmp_path))
    assert {row.status for row in heard(one).values()} == {Status.OK}
    assert server.num_requests == len(SHOWN)
    assert spent(one.endpoint.account)[0].requests == len(SHOWN)


def test_questions_are_made_when_there_is_a_place_for_them(server: FakeServer, tmp_path: Path) -> None:
    one = judge(options(server, tmp_path, in_flight="2"))
    made: list[int] = []
    questions = one.questions
    one.questions = lambda shown: (made.append(server.num_requests), questions(shown))[1]
    heard(one)
    assert all(asked >= number - 1 for number, asked in enumerate(made)), made
    assert server.most_at_once <= 2


def test_rows_come_as_soon_as_they_are_known_and_may_be_left(server: FakeServer, tmp_path: Path) -> None:
    server.behaviour = Behaviour(
        answer=lambda body: (time.sleep(0.5 if words(body) == "p0" else 0), "yes")[1]
    )
    coming = iter(judge(options(server, tmp_path)).hear(SHOWN[:2]))
    first, _ = next(coming)
    assert first.item.id == "1"
    assert isinstance(coming, Iterator)
    coming.close()  # type: ignore[attr-defined]
    assert not list(judge(options(server, tmp_path)).hear([]))


def _judge_and_die(given: JudgeOptions) -> None:
    for number, _ in enumerate(judge(given, in_flight="1").hear(SHOWN), start=1):
        if number == 2:
            os._exit(1)


def test_a_run_that_was_killed_goes_on_where_it_was(server: FakeServer, tmp_path: Path) -> None:
    given = options(server, tmp_path, in_flight="1")
    process = PROCESSES.Process(target=_judge_and_die, args=(given,))
    process.start()
    process.join()
    assert process.exitcode == 1
    before = asked_about(server)
    assert 2 <= sum(before.values()) < len(SHOWN)
    rows = heard(judge(given))
    assert {row.status for row in rows.values()} == {Status.OK}
    # The request that was under way when it died was never answered to anyone.
    assert sum(asked_about(server).values()) <= len(SHOWN) + 1


def test_an_error_of_our_own_is_raised(server: FakeServer, tmp_path: Path) -> None:
    one = judge(options(server, tmp_path))
    broken = AskingJudge(one.endpoint, {}, lambda shown: [1 // 0])  # type: ignore[list-item]
    with pytest.raises(ZeroDivisionError):
        list(broken.hear(SHOWN))


def test_a_judge_whose_answers_can_never_be_read_is_given_up(server: FakeServer, tmp_path: Path) -> None:
    server.behaviour = Behaviour(answer=lambda body: "hm")
    items = [show(Item(str(number), f"p{number}", (0,)), COLOURS[number % 6]) for number in range(30)]
    rows = heard(judge(options(server, tmp_path, in_flight="1", readings="2")), items)
    assert server.num_requests == 20
    assert [row.status for row in rows.values()].count(Status.PARSE_FAILED) == 9
    assert "first 20 questions met one answer" in rows["29"].evidence["detail"]
