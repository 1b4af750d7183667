from pathlib import Path

import pytest
from PIL import Image

from irg.core.cost import Cost
from irg.core.picture import Picture
from irg.endpoint import Account
from irg.endpoint.cache import AnswerCache, Stored
from irg.endpoint.database import Database
from tests.endpoint.conftest import PROCESSES

ANSWER = Stored("said", Cost(1, 10, 5, 0.001), "judge-1")


@pytest.fixture(params=[False, True], ids=["one machine", "network disk"])
def database(tmp_path: Path, request: pytest.FixtureRequest):
    database = Database(Account(folder=tmp_path, network_disk=request.param))
    yield database
    database.close()


def test_what_is_kept_is_found_again(database: Database) -> None:
    cache = AnswerCache(database)
    assert cache.get("key") is None
    assert cache.put("key", ANSWER) == ANSWER == cache.get("key")
    database.close()
    assert cache.get("key") == ANSWER


def test_the_first_answer_stays_the_answer(database: Database) -> None:
    cache = AnswerCache(database)
    cache.put("key", ANSWER)
    assert cache.put("key", Stored("said later", Cost())) == ANSWER == cache.get("key")
    cache.forget("key")
    assert cache.get("key") is None


def test_a_lost_or_damaged_picture_is_no_answer(database: Database, tmp_path: Path) -> None:
    cache = AnswerCache(database)
    drawn = Stored(Picture.of(Image.new("RGB", (4, 4), "red")).data, Cost(1))
    another = Stored(Picture.of(Image.new("RGB", (4, 4), "blue")).data, Cost(1))
    assert cache.put("key", drawn) == drawn == cache.get("key")
    (path,) = (tmp_path / "pictures").rglob("*.png")
    path.write_bytes(path.read_bytes()[:20])
    assert cache.get("key") is None
    assert cache.put("key", another) == another == cache.get("key")


def _write_many(folder: Path, worker: int) -> None:
    database = Database(Account(folder=folder))
    for number in range(40):
        AnswerCache(database).put(f"key {number}", Stored(f"from {worker}", Cost()))
    database.close()


@pytest.mark.parametrize("content", ["{", "5", '{"text": 5}', '{"usage": {}, "served": "m"}', "[" * 5000])
def test_a_damaged_answer_is_no_answer(database: Database, content: str) -> None:
    cache = AnswerCache(database)
    with database.writing() as connection:
        connection.execute("INSERT INTO answers VALUES ('a', ?)", (content,))
    assert cache.get("a") is None
    assert cache.put("a", Stored("new", Cost())).content == "new" and cache.get("a") == Stored("new", Cost())


def test_processes_write_at_once(tmp_path: Path) -> None:
    """They all begin with a folder that is not there yet, and agree on every answer in the end."""
    folder = tmp_path / "new"
    workers = [PROCESSES.Process(target=_write_many, args=(folder, number)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 6
    database = Database(Account(folder=folder))
    assert all(AnswerCache(database).get(f"key {number}") for number in range(40))
    database.close()
