"""The file of answers and sums: whole transactions or none, however many open it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from irg.endpoint import Account
from irg.endpoint.cache import AnswerCache
from irg.endpoint.database import FILE, Database

ROW = ("key", "an answer")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(Account(folder=tmp_path / "deep" / "folder"))
    yield opened
    opened.close()


def answers(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        return connection.execute("SELECT * FROM answers").fetchall()


def test_nothing_is_there_before_its_first_use(database: Database) -> None:
    assert not database.path.parent.exists()
    assert answers(database) == []
    assert database.path.name == FILE and database.path.is_file()


def test_what_was_written_is_there_for_all(database: Database, tmp_path: Path) -> None:
    other = Database(Account(folder=database.path.parent))
    with database.writing() as connection:
        connection.execute("INSERT INTO answers VALUES (?, ?)", ROW)
        assert answers(other) == []
    assert answers(other) == [ROW]
    other.close()
    database.close()
    assert answers(database) == [ROW], "it opens again"


@pytest.mark.parametrize("failure", [LookupError, KeyboardInterrupt])
def test_of_a_transaction_that_fails_nothing_stays(database: Database, failure: type[BaseException]) -> None:
    with pytest.raises(failure), database.writing() as connection:
        connection.execute("INSERT INTO answers VALUES (?, ?)", ROW)
        raise failure
    assert answers(database) == []
    with database.writing() as connection:
        connection.execute("INSERT INTO answers VALUES (?, ?)", ROW)
    assert answers(database) == [ROW]


def test_a_transaction_waits_for_the_one_before_it_from_its_beginning(database: Database) -> None:
    other, entered = Database(Account(folder=database.path.parent)), threading.Event()

    def enter() -> None:
        with other.writing():
            entered.set()
        other.close()

    waiting = threading.Thread(target=enter)
    with database.writing():  # and nothing is written yet
        waiting.start()
        assert not entered.wait(0.2)
    waiting.join()
    assert entered.is_set()


def test_transactions_are_one_after_another(database: Database) -> None:
    """Each reads what it then writes: a count of which none is lost, in whatever thread or connection."""
    others = [database, *(Database(Account(folder=database.path.parent)) for _ in range(2))]

    def count_up(one: Database) -> None:
        for _ in range(20):
            with one.writing() as connection:
                row = connection.execute("SELECT content FROM answers WHERE key = 'count'").fetchone()
                count = int(row[0]) + 1 if row else 1
                connection.execute("INSERT OR REPLACE INTO answers VALUES ('count', ?)", (str(count),))

    threads = [threading.Thread(target=count_up, args=(one,)) for one in others for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers(database) == [("count", "120")]
    for one in others:
        one.close()


@pytest.mark.parametrize(("network_disk", "mode"), [(False, "wal"), (True, "delete")])
def test_a_network_disk_has_no_memory_to_share(tmp_path: Path, network_disk: bool, mode: str) -> None:
    database = Database(Account(folder=tmp_path, network_disk=network_disk))
    with database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2 if network_disk else 1,)
    database.close()


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"something else entirely, and long enough to be read as a header" * 20)
    with pytest.raises(ValueError, match=FILE):
        AnswerCache(Database(Account(folder=tmp_path))).get("key")


def test_a_new_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    failed: list[ValueError] = []

    def open_once(folder: Path) -> None:
        database = Database(Account(folder=folder))
        try:
            with database.reading():
                pass
        except ValueError as error:
            failed.append(error)
        database.close()

    for round_ in range(40):
        folder = tmp_path / str(round_)
        threads = [threading.Thread(target=open_once, args=(folder,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed


def test_what_the_file_does_not_take_is_named(database: Database) -> None:
    with database.writing() as connection:
        connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(OSError) as caught, database.writing() as connection:
        connection.execute("INSERT INTO answers VALUES ('large', ?)", ("x" * 10**6,))
    assert caught.value.filename == str(database.path) and "No space left" in str(caught.value)
    assert answers(database) == []
    with pytest.raises(ValueError, match=r"cannot be used.* no such table"), database.reading() as connection:
        connection.execute("SELECT * FROM wrong")
