"""Folders of saved episodes as a data set."""

import json
from pathlib import Path

import numpy as np

from irg.data.convert import to_traces
from irg.data.episodes import EpisodeSource
from irg.data.formats import open_source
from irg.data.source import Fault
from irg.data.traces import TraceStore, TraceWriter
from tests.data.broken import trace

RNG = np.random.default_rng(0)


def test_episodes_as_they_were_saved_become_traces(tmp_path: Path) -> None:
    for number in range(3):
        trace(number, np.random.default_rng(number)).save(tmp_path / "runs" / f"{number:04d}")
    trace(9, RNG).save(tmp_path / "runs" / "0003")
    whole = (tmp_path / "runs" / "0001" / "trace.json").read_text()
    (tmp_path / "runs" / "0001" / "trace.json").write_text(whole[:50])
    image = (tmp_path / "runs" / "0002" / "turn2.png").read_bytes()
    (tmp_path / "runs" / "0002" / "turn2.png").write_bytes(image[:100])
    twin = (tmp_path / "runs" / "0000" / "trace.json").read_text()
    (tmp_path / "runs" / "0003" / "trace.json").write_text(twin)
    episodes = open_source(tmp_path / "runs")
    assert isinstance(episodes, EpisodeSource) and len(episodes) == 4
    with TraceWriter(tmp_path / "traces") as writer:
        found = to_traces(episodes, writer)
    reasons = [error.reason for error in found.rejected]
    assert reasons == [Fault.BAD_JSON, Fault.BROKEN_IMAGE, Fault.DUPLICATE] and found.rows_written == 1
    surveyed = [getattr(row, "reason", None) for row in episodes.survey()]
    assert surveyed == [None, *reasons]
    read, first = TraceStore(tmp_path / "traces").read(0), trace(0, np.random.default_rng(0))
    assert (read.id, read.prompt) == (first.id, first.prompt)
    assert [turn.image.tobytes() for turn in read.turns] == [turn.image.tobytes() for turn in first.turns]


def test_an_episode_of_wrong_values_stops_no_other(tmp_path: Path) -> None:
    for number in range(3):
        trace(number, np.random.default_rng(number)).save(tmp_path / "runs" / str(number))
    for number, changed in (("0", {"seed": 1 << 63}), ("1", {"prompt": 5})):
        path = tmp_path / "runs" / number / "trace.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with TraceWriter(tmp_path / "traces") as writer:
        found = to_traces(EpisodeSource(tmp_path / "runs"), writer)
    assert [error.reason for error in found.rejected] == [Fault.WRONG_TYPE] * 2 and found.rows_written == 1
