"""Whole runs from a recipe: the set and its report, made once, gone on with, or mended."""

import json
from pathlib import Path
from typing import Any

import pytest

from irg.core.settings import checked
from irg.curate.recipe import CurateRecipe, read_recipe
from irg.curate.session import curate
from irg.data.sets import read_manifest
from tests.curate.small import set_in
from tests.curate.teacher.eyes import look, shape_of, words_of
from tests.endpoint.conftest import QUICK
from tests.endpoint.fake_server import Behaviour, FakeServer, serving

SCENES: dict[str, Any] = {
    "propose": {"by": "grammar", "count": 8, "families": {"single": 1, "position": 1}},
    "shard": 4,
    "think": {"by": "oracle"},
    "draw": {"flawed": 1.0, "threads": 1},
    "improve": {"by": "oracle"},
    "judge": {"by": "oracle"},
    "reflect": {"by": "oracle"},
    "select": {"hash_distance": None},
    "emit": {"held_out": 0.3},
}


def recipe(out: Path, **changed: Any) -> CurateRecipe:
    return checked(CurateRecipe, {**SCENES, "out": str(out), **changed}, "here")


def asking(
    out: Path, server: FakeServer, parts: dict[str, Any] | None = None, **endpoint: Any
) -> CurateRecipe:
    """Reflections are a teacher's, and what else is said."""
    address = {"base_url": server.url, "model": "wise", "attempts": 1, "backoff": QUICK.model_dump()}
    return recipe(
        out,
        **{"reflect": {"by": "teacher", "teacher": "wise"}} | (parts or {}),
        teachers={"wise": {"endpoint": {**address, **endpoint}}},
    )


def test_a_run_makes_a_set_with_its_report(tmp_path: Path) -> None:
    chosen = recipe(tmp_path / "out", seed=3, budget={"max_requests": 5})
    told: list[str] = []
    done = curate(chosen, lambda name, outcome: told.append(name))
    manifest = read_manifest(chosen.out)
    assert manifest is not None and manifest["parts"] == done.emitted.parts
    assert done.emitted.num_traces + sum(sum(by.values()) for by in done.emitted.rejects.values()) == 8
    assert done.report == chosen.out / "report.html" and done.report.is_file()
    assert (done.progress.num_shards, done.progress.stopped, done.spent, done.retried) == (2, None, (), {})
    assert list(done.progress.tallies) == list(dict.fromkeys(told)) and done.seconds > 0
    assert read_recipe(chosen.file) == chosen
    about = manifest["provenance"]["recipe"]
    assert about["seed"] == 3 and about["shard"] == 4 and not {"out", "run", "budget"} & about.keys()


def test_where_and_how_fast_it_is_made_does_not_matter(tmp_path: Path) -> None:
    curate(recipe(tmp_path / "one"))
    curate(recipe(tmp_path / "two", run={"shards": 1, "cpu": 1}, budget={"max_requests": 1}))
    assert set_in(tmp_path / "one") == set_in(tmp_path / "two") != {}


def test_nothing_finished_is_done_again(tmp_path: Path) -> None:
    curate(recipe(tmp_path))
    before = set_in(tmp_path)
    progress = curate(recipe(tmp_path)).progress
    assert progress.reused == {name: tally.taken for name, tally in progress.tallies.items()}
    assert set_in(tmp_path) == before


def test_what_endpoints_failed_is_made_again_when_it_is_asked_for(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        return (500, {"error": {"message": "down"}}) if "left" in words_of(body) else None

    with serving(Behaviour(answer=look, status=answer)) as server:
        first = curate(asking(tmp_path, server))
        failed = first.emitted.rejects["reflect"]["server error"]
        assert 0 < failed < 8 and first.spent[0].requests == server.num_requests
        server.behaviour = Behaviour(answer=look)
        still = curate(asking(tmp_path, server))
        assert (still.emitted, still.retried) == (first.emitted, {})
        before = server.num_requests
        mended = curate(asking(tmp_path, server), again=True)
        assert mended.retried == {"server error": failed} and server.num_requests == before + failed
        assert "server error" not in mended.emitted.rejects.get("reflect", {})
        assert mended.emitted.num_traces == first.emitted.num_traces + failed
        assert mended.spent[0].requests == server.num_requests, "of all its restarts"
        assert first.examples["reflect", "server error"] == "HTTP 500: down"


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "not authorised: HTTP 401: no such key"), (400, "not accepted: HTTP 400: no such key")],
)
def test_a_teacher_that_cannot_be_asked_is_found_out_by_one_question(
    tmp_path: Path, status: int, words: str
) -> None:
    with serving(Behaviour(status=lambda body: (status, {"error": {"message": "no such key"}}))) as server:
        with pytest.raises(ValueError, match=f"wise at {server.url} does not answer.*{words}"):
            curate(asking(tmp_path, server))
        (seen,) = server.requests
        assert "image_url" in str(seen.body) and "json_schema" in str(seen.body) and "seed" in seen.body
        assert not (tmp_path / "work" / "draw").exists()
        server.behaviour = Behaviour(answer=look)
        curate(asking(tmp_path, server))
        curate(asking(tmp_path, server))
        assert sum(shape_of(seen.body) == "Things" for seen in server.requests) == 2


def test_a_teacher_that_draws_is_asked_to(tmp_path: Path) -> None:
    broken = (400, {"error": {"message": "no such size"}})
    with serving(Behaviour(status=lambda body: broken)) as server:
        painter = {"by": "teacher", "teacher": "wise", "size": [32, 32], "how": "edit"}
        with pytest.raises(ValueError, match="no such size"):
            curate(asking(tmp_path, server, {"improve": painter}))
        (seen,) = server.requests
        assert seen.path == "/v1/images/edits"


def test_settings_that_were_mended_have_their_rejects_made_again(tmp_path: Path) -> None:
    def picky(body: dict[str, Any]) -> tuple[int, Any] | None:
        is_test = shape_of(body) == "Things"
        return (
            None
            if is_test or "max_completion_tokens" in body
            else (400, {"error": {"message": "max_tokens?"}})
        )

    with serving(Behaviour(answer=look, status=picky)) as server:
        first = curate(asking(tmp_path, server, alike=100))
        assert first.emitted.num_traces == 0 and first.emitted.rejects == {
            "reflect": {"request not accepted": 8}
        }
        assert first.examples["reflect", "request not accepted"] == "HTTP 400: max_tokens?"
        assert curate(asking(tmp_path, server, alike=100)).retried == {}, "nothing was mended"
        mended = curate(asking(tmp_path, server, limit_name="max_completion_tokens"))
        assert mended.retried == {"request not accepted": 8} and mended.emitted.num_traces == 8
        assert curate(asking(tmp_path, server, limit_name="max_completion_tokens")).retried == {}


def test_the_same_answer_to_all_stops_a_stage(tmp_path: Path) -> None:
    def refuse(body: dict[str, Any]) -> tuple[int, Any] | None:
        return None if shape_of(body) == "Things" else (403, {"error": {"message": "not in your country"}})

    with serving(Behaviour(answer=look, status=refuse)) as server:
        done = curate(asking(tmp_path, server, alike=3, in_flight=1))
        stopped = done.progress.stopped or ""
        assert "the first 3 questions met one answer" in stopped and "not in your country" in stopped
        assert server.num_requests == 1 + 3
        server.behaviour = Behaviour(answer=look)
        assert curate(asking(tmp_path, server, alike=3)).emitted.num_traces == 8


def test_prompts_that_a_teacher_did_not_give_are_asked_for_again(tmp_path: Path) -> None:
    def prompts(body: dict[str, Any]) -> str:
        if shape_of(body) != "Prompts":
            return look(body)
        subject = len(words_of(body))
        words = [f"a red circle left of a {colour} square {subject}" for colour in ("blue", "green", "black")]
        return json.dumps({"prompts": words})

    def answer(body: dict[str, Any]) -> str:
        return "{}" if shape_of(body) == "Prompts" and "max_tokens" in body else prompts(body)

    propose = {"propose": {"by": "teacher", "teacher": "wise", "count": 6, "batch": 3}}
    with serving(Behaviour(answer=answer)) as server:
        first = curate(asking(tmp_path, server, propose, alike=1000))
        assert first.emitted.num_traces == 0
        assert first.emitted.rejects["propose"].keys() == {"answer does not fit the schema"}
        assert "prompts" in first.examples["propose", "answer does not fit the schema"]
        mended = curate(asking(tmp_path, server, propose, limit_name="max_completion_tokens"))
        assert mended.retried == first.emitted.rejects["propose"]
        assert mended.progress.tallies["propose"].kept > 0


def test_a_run_without_its_key_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with serving() as server:
        with pytest.raises(ValueError, match="NO_SUCH_KEY"):
            curate(asking(tmp_path / "out", server, key_env="NO_SUCH_KEY"))
        assert server.num_requests == 0 and not (tmp_path / "out").exists()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    chosen = recipe(tmp_path)
    with chosen.at_work(), pytest.raises(ValueError, match="another run is at work"):
        curate(chosen)
    assert not any(tmp_path.iterdir())


def test_a_stopped_run_has_the_set_of_what_was_finished(tmp_path: Path) -> None:
    def closed(body: dict[str, Any]) -> tuple[int, Any] | None:
        return None if shape_of(body) == "Things" else (401, {"error": {"message": "who?"}})

    with serving(Behaviour(status=closed)) as server:
        done = curate(asking(tmp_path, server))
    assert done.progress.stopped is not None and "not authorised" in done.progress.stopped
    assert done.emitted.num_traces == 0 and done.report.is_file()
    assert json.loads((tmp_path / "manifest.json").read_text())["shards"] == []
