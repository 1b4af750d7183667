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
from tests.curate.teacher.eyes import look, words_of
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


def asking(out: Path, server: FakeServer, **endpoint: Any) -> CurateRecipe:
    """Reflections are a teacher's."""
    address = {"base_url": server.url, "model": "wise", "attempts": 1, "backoff": QUICK.model_dump()}
    return recipe(
        out,
        reflect={"by": "teacher", "teacher": "wise"},
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
    with serving(Behaviour(status=lambda body: (401, {"error": {"message": "who?"}}))) as server:
        done = curate(asking(tmp_path, server))
    assert done.progress.stopped is not None and "not authorised" in done.progress.stopped
    assert done.emitted.num_traces == 0 and done.report.is_file()
    assert json.loads((tmp_path / "manifest.json").read_text())["shards"] == []
