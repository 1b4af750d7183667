"""What a run came to, beside the same counts made of all its records one by one."""

from collections import Counter
from pathlib import Path

import pytest

from irg.core.digest import digest_of
from irg.curate.emit import EmitSettings, emit
from irg.curate.records import TraceRecord
from irg.curate.select import SelectSettings
from irg.curate.survey import NUM_SHOWN, RunSurvey, survey
from irg.endpoint import Account
from irg.endpoint.budget import Charge, Ledger
from irg.endpoint.database import Database
from irg.stages.runner import Progress, run
from tests.curate.small import job, selected

COUNT = 64


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Progress, list[TraceRecord]]:
    """A finished run, what its runner told, and all its records."""
    folder = tmp_path_factory.mktemp("run")
    made = job(folder, count=COUNT, shard=16, select=SelectSettings(hash_distance=60))
    progress = run(made)
    emit(made.store, made.selector.marks, folder, EmitSettings(held_out=0.2), {})
    return folder, progress, selected(made)


@pytest.fixture(scope="module")
def found(done: tuple[Path, Progress, list[TraceRecord]]) -> RunSurvey:
    return survey(done[0])


def test_records_are_counted_as_they_ended(
    done: tuple[Path, Progress, list[TraceRecord]], found: RunSurvey
) -> None:
    _, progress, records = done
    kept = [record for record in records if record.rejected is None]
    rejects = Counter((r.rejected.stage, r.rejected.reason) for r in records if r.rejected)
    assert found.num_kept == len(kept) == sum(found.parts.values()) and found.reasons == rejects
    assert len(kept) > NUM_SHOWN and rejects.total() > 0
    assert found.sources == Counter(record.source for record in kept)
    assert found.tallies == progress.tallies
    assert list(found.tallies) == list(progress.tallies), "in the order of the stages"


def test_scores_are_those_of_kept_and_of_rejected_records(
    done: tuple[Path, Progress, list[TraceRecord]], found: RunSurvey
) -> None:
    records = done[2]
    assert set(found.numbers) == {name for record in records for name in record.scores}
    for name, both in found.numbers.items():
        for is_rejected, values in enumerate(both):
            expected = [
                record.scores[name]
                for record in records
                if name in record.scores and (record.rejected is not None) == bool(is_rejected)
            ]
            assert sorted(values) == sorted(expected)


def test_those_shown_are_a_fair_sample_with_their_pictures(
    done: tuple[Path, Progress, list[TraceRecord]], found: RunSurvey
) -> None:
    for is_rejected, shown in enumerate((found.kept, found.rejected)):
        alike = [r for r in done[2] if (r.rejected is not None) == bool(is_rejected) and r.image1 is not None]
        expected = sorted(alike, key=lambda record: digest_of(record.id))[:NUM_SHOWN]
        assert shown == sorted(expected, key=lambda record: record.index)
        assert all(record.image1 is not None and record.image1.open().size for record in shown)
    assert len(found.kept) == NUM_SHOWN


def test_what_was_charged_is_the_accounts(done: tuple[Path, Progress, list[TraceRecord]]) -> None:
    folder = done[0]
    assert survey(folder).spent == ()
    account = Account(folder=folder / "endpoint")
    database = Database(account)
    Ledger(database, account).reserve("wise", Charge(nanos=10**9))
    database.close()
    (charged,) = survey(folder).spent
    assert (charged.model, charged.requests, charged.money) == ("wise", 1, 1.0)


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no finished curation: manifest\.json is missing$"):
        survey(tmp_path)
