import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from irg.serve.journal import LOGGER, request_id, tell, write_lines


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The lines of this thread alone: servers of other tests may be answering in theirs."""
    loggers = [LOGGER, logging.getLogger("uvicorn.error"), logging.getLogger("asyncio")]
    before = [(one.handlers, one.propagate, one.level) for one in loggers]
    stream = io.StringIO()
    write_lines(stream)
    here = threading.get_ident()
    for handler in LOGGER.handlers:
        handler.addFilter(lambda record: record.thread == here)
    yield stream
    for one, (handlers, propagate, level) in zip(loggers, before, strict=True):
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


def test_each_event_is_a_line_of_json_that_names_its_request(stream: io.StringIO) -> None:
    mark = request_id.set("req_1")
    tell("request", {"path": "/v1/models", "status": 200})
    request_id.reset(mark)
    tell("started")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["request"], first["path"], first["status"]) == (
        "request",
        "req_1",
        "/v1/models",
        200,
    )
    assert second["event"] == "started" and "request" not in second and second["time"].endswith("+00:00")


def test_failures_are_written_whole_and_without_tokens(stream: io.StringIO) -> None:
    token = "irgt_0123456789abcdefghij"
    try:
        raise ValueError(f"a\n{token}")
    except ValueError as failure:
        tell("failed", {"path": f"/v1/{token}"}, logging.ERROR, failure)
    logging.getLogger("uvicorn.error").warning("odd header %s", token)
    assert token not in stream.getvalue()
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert "ValueError: a\nirgt_..." in first["traceback"] and first["level"] == "error"
    assert second["event"] == "odd header irgt_..."
