"""What the server writes about its work: JSON, a line for each event, on stderr.

Every line that is written while a request is answered names it. Whatever looks like a token is masked, be it
in a path, a message or a traceback.
"""

import json
import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from irg.serve.tokens import without_tokens

LOGGER = logging.getLogger("irg.serve")
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered here."""
_THEIRS = ("uvicorn.error", "asyncio")
"""Loggers of others that tell of the server."""


def tell(
    event: str,
    facts: Mapping[str, Any] | None = None,
    level: int = logging.INFO,
    failure: BaseException | None = None,
) -> None:
    """Write a line: what happened, in one or two words, and facts that are JSON."""
    LOGGER.log(level, event, extra={"facts": facts or {}}, exc_info=failure)


class JsonLine(logging.Formatter):
    """A record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if (asked := request_id.get()) is not None:
            line["request"] = asked
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return without_tokens(json.dumps(line, ensure_ascii=False, default=str))


def write_lines(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """From now on the server's lines, and those of what it stands on, go to a stream: stderr if none is
    given."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLine())
    for logger in (LOGGER, *map(logging.getLogger, _THEIRS)):
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
