"""Answers that were paid for once, found again by what was asked.

The first answer to be stored under a key is the answer from then on, whatever other process was asking too:
everyone goes on with the same one. Pictures lie beside the database as files named by their hash.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated

from pydantic import Field, ValidationError

from irg.core.cost import Cost
from irg.core.files import write_atomically
from irg.core.settings import BaseSettings
from irg.endpoint.database import Database


@dataclass(frozen=True)
class Stored:
    """An answer as it is kept: its text, or for a picture the bytes of its PNG."""

    content: str | bytes
    usage: Cost
    served: str = ""


class _Fields(BaseSettings):
    """How it stands in the database."""

    usage: Cost
    served: str
    text: str | None = None
    picture: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$")] = None


class AnswerCache:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> Stored | None:
        """The answer under this key; None when there is none, or it is damaged, or its picture is gone."""
        with self._database.reading() as connection:
            return self._read(connection, key)

    def put(self, key: str, stored: Stored) -> Stored:
        """Keep an answer; returns the one that is kept, which is an earlier one if there was one."""
        fields = {"usage": asdict(stored.usage), "served": stored.served}
        if isinstance(stored.content, bytes):
            fields |= {"picture": self._write_picture(stored.content)}
        else:
            fields |= {"text": stored.content}
        with self._database.writing() as connection:
            known = self._read(connection, key)
            if known is None:
                row = (key, json.dumps(fields, ensure_ascii=False))
                connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", row)
        return known or stored

    def forget(self, key: str) -> None:
        """Drop an answer that can no longer be read as what was asked for."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM answers WHERE key = ?", (key,))

    def _read(self, connection: Connection, key: str) -> Stored | None:
        row = connection.execute("SELECT content FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            fields = _Fields.model_validate_json(row[0])
        except ValidationError:  # it is asked for again
            return None
        content = self._read_picture(fields.picture) if fields.text is None else fields.text
        return None if content is None else Stored(content, fields.usage, fields.served)

    def _write_picture(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        return name

    def _read_picture(self, name: str | None) -> bytes | None:
        if name is None:
            return None
        path = self._path(name)
        data = path.read_bytes() if path.exists() else b""
        return data if hashlib.sha256(data).hexdigest() == name else None

    def _path(self, name: str) -> Path:
        return self._database.path.parent / "pictures" / name[:2] / f"{name}.png"
