"""The file in which an account keeps its answers and its sums: SQLite, for many processes at once.

A process may be killed at any moment: what was committed stays, and nothing is ever half written. With the
write-ahead log a commit is not forced to the disk, so that a loss of power may cost the last few answers,
which are then asked for again, and never the file.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from irg.core.files import told_of
from irg.endpoint.settings import Account

FILE = "endpoint.sqlite"
LOCK_SECONDS = 60.0

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spending (
    account TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0, tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0, images INTEGER NOT NULL DEFAULT 0,
    nanos INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, model)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    account TEXT NOT NULL, model TEXT NOT NULL, event TEXT NOT NULL, count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, model, event)
) WITHOUT ROWID;
"""


class Database:
    """One connection, shared by the threads of a process. Opened at its first use."""

    def __init__(self, account: Account) -> None:
        self.path = account.folder / FILE
        self._network_disk = account.network_disk
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._named():
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone on the file from its beginning, so that what it reads stays true."""
        with self._lock, self._named():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk has ended it already
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What SQLite fails at is an OSError where there is no room, and else a ValueError, with the file."""
        with told_of(self.path):
            try:
                yield
            except sqlite3.Error as broken:
                raise ValueError(f"{self.path} cannot be used as a store of answers: {broken}") from broken

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(self.path, self._network_disk)
        return self._connection


def _connect(path: Path, network_disk: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # The write-ahead log needs shared memory, which machines do not share.
        _patiently(connection, f"PRAGMA journal_mode={'DELETE' if network_disk else 'WAL'}")
        connection.execute(f"PRAGMA synchronous={'FULL' if network_disk else 'NORMAL'}")
        connection.executescript(_TABLES)
    except sqlite3.DatabaseError as broken:
        connection.close()
        raise ValueError(f"{path} cannot be used as a store of answers: {broken}") from broken
    return connection


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Execute what SQLite refuses at once, instead of waiting, while another connection has the file.

    To change the journal mode is such a thing: several processes that open a new file all try to.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

    Retrying(
        retry=retry_if_exception(_is_busy),
        wait=wait_random(0.001, 0.02),
        stop=stop_after_delay(LOCK_SECONDS),
        reraise=True,
    )(connection.execute, statement)


def _is_busy(error: BaseException) -> bool:
    # The lowest byte of an extended code is the plain one.
    return (
        isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    )
