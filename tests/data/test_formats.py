from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from irg.core.output import working
from irg.core.trace import Trace, Turn
from irg.data.conversation import ConversationSource
from irg.data.convert import ConversationWriter
from irg.data.episodes import EpisodeSource
from irg.data.formats import Format, detect, open_source
from irg.data.sets import CURATION, WORK
from irg.data.shards import ShardFormat, ShardWriter
from irg.data.traces import TraceStore
from tests.data.stored import some, write


def write_columns(path: Path, *names: str) -> Path:
    parquet.write_table(pyarrow.table({name: ["x"] for name in names}), path)
    return path


def test_a_manifest_says_the_format_of_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "traces", some(1))
    with ConversationWriter(tmp_path / "rows"):
        pass
    assert detect(tmp_path / "traces") is Format.TRACES
    assert detect(str(tmp_path / "rows")) is Format.CONVERSATION, "though there is no file to look into"


def test_without_a_manifest_the_columns_tell(tmp_path: Path) -> None:
    assert detect(write_columns(tmp_path / "a.parquet", "prompt", "turns")) is Format.TRACES
    assert detect(write_columns(tmp_path / "b.parquet", "prompt", "conversation")) is Format.CONVERSATION
    with pytest.raises(ValueError, match="has the columns prompt: expected"):
        detect(write_columns(tmp_path / "c.parquet", "prompt"))


def test_the_first_file_with_known_columns_decides(tmp_path: Path) -> None:
    """Files before it may be broken, or lack a column."""
    (tmp_path / "0.parquet").write_bytes(b"PAR1")
    write_columns(tmp_path / "1.parquet", "prompt")
    write_columns(tmp_path / "2.parquet", "conversation")
    write_columns(tmp_path / "3.parquet", "prompt", "turns")
    assert detect(tmp_path) is Format.CONVERSATION


def test_saved_episodes_are_told_and_not_mixed_with_data_sets(tmp_path: Path) -> None:
    (episode,) = some(1)
    Trace("p", (Turn(None, episode.turns[0].image),), 0).save(tmp_path / "one" / "first")
    assert detect(tmp_path) is Format.EPISODES
    curation = tmp_path / "curated"
    with working(curation, CURATION):
        (curation / WORK / "draw").mkdir(parents=True)
        write_columns(curation / WORK / "draw" / "0.parquet", "record")
        assert detect(tmp_path) is Format.EPISODES, "what a curation made on its way is no data"
    write_columns(tmp_path / "one" / "a.parquet", "prompt", "turns")
    with pytest.raises(ValueError, match=r"holds episodes, such as .*first, and data sets, such as .*one: "):
        detect(tmp_path)


def test_a_manifest_of_another_format_is_told(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, ShardFormat("irg-songs", "songs", pyarrow.schema({"a": pyarrow.int64()}))):
        pass
    with pytest.raises(ValueError, match="is of the format 'irg-songs', known are irg-traces, irg-conv"):
        detect(tmp_path)


def test_each_format_is_opened_by_its_source(tmp_path: Path) -> None:
    traces = open_source(write(tmp_path / "traces", some(2)).path)
    assert isinstance(traces, TraceStore) and len(traces) == 2
    rows = open_source(write_columns(tmp_path / "rows.parquet", "conversation"), "Draw.")
    assert isinstance(rows, ConversationSource) and rows.system_prompt == "Draw."
    some(1)[0].save(tmp_path / "episodes" / "first")
    episodes = open_source(tmp_path / "episodes")
    assert isinstance(episodes, EpisodeSource) and len(episodes) == 1


def test_a_path_of_no_known_format_is_an_error_that_names_its_columns(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"image": [b""], "caption": ["c"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="the columns caption, image: expected a column 'conversation'"):
        open_source(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="no file that can be read"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        ("data/train/a.parquet", "data/held_out/a.parquet"),
        ("train-00000-of-00001.parquet", "held_out-00000-of-00001.parquet"),
        ("train.parquet", "sub/held_out.parquet"),
    ],
)
def test_what_is_held_out_is_not_read_together_with_the_rest(tmp_path: Path, files: tuple[str, ...]) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        write_columns(tmp_path / file, "prompt", "turns")
    for read in (detect, open_source):
        with pytest.raises(ValueError, match=r"holds train, held_out, which are not to be mixed"):
            read(tmp_path)
    assert all(detect(tmp_path / file) is Format.TRACES for file in files)
    (tmp_path / files[1]).unlink()
    assert detect(tmp_path) is Format.TRACES, "there is only one"
