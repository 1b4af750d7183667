import json
from pathlib import Path

import datasets
import huggingface_hub.constants
import pyarrow
import pytest
from pyarrow import parquet

from irg.core.trace import Trace
from irg.data.conversation import ConversationSource
from irg.data.convert import ConversationWriter, to_conversations, to_traces
from irg.data.foreign.source import ForeignReading, ForeignSource, fetch
from irg.data.source import Fault, RowError
from irg.data.traces import TraceStore, TraceWriter
from tests.data.foreign.pictured import drawn, encoded, save
from tests.data.foreign.test_interleaved import says
from tests.data.foreign.test_tars import write as write_tar


def lines(path: Path, reading: ForeignReading | None = None) -> list[str]:
    return [drawn(one) for _, made in ForeignSource(path, reading).read_all() for one in made]


def captioned(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts):
        save(folder / f"{number}.jpg").with_suffix(".txt").write_text(text)
    return folder


def table(path: Path, *texts: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table({"image": [encoded()] * len(texts), "text": list(texts)}), path)
    return path


def test_every_file_format_gives_the_same_traces(tmp_path: Path) -> None:
    pictures = captioned(tmp_path / "pictures", "a", "b")
    listed = [{"image": f"{n}.jpg", "text": text} for n, text in enumerate("ab")]
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(map(json.dumps, listed)))
    tar = {
        f"{n}.{kind}": data
        for n, text in enumerate("ab")
        for kind, data in (("jpg", encoded()), ("txt", text.encode()))
    }
    (tmp_path / "tars").mkdir()
    write_tar(tmp_path / "tars" / "0.tar", tar)
    columns = {"image": [str(pictures / f"{n}.jpg") for n in (0, 1)], "text": list("ab")}
    saved = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    saved.save_to_disk(tmp_path / "saved")
    datasets.DatasetDict(train=saved).save_to_disk(tmp_path / "dict")
    expected = ["P(a) I(red)", "P(b) I(red)"]
    assert lines(pictures) == expected
    assert lines(rows, ForeignReading(pictures=pictures)) == expected
    assert lines(table(tmp_path / "tables" / "0.parquet", "a", "b")) == expected
    assert lines(tmp_path / "tables") == expected
    assert lines(tmp_path / "tars") == lines(tmp_path / "tars" / "0.tar") == expected
    assert lines(tmp_path / "saved") == lines(tmp_path / "dict") == expected


def test_splits_are_not_mixed_and_one_can_be_chosen(tmp_path: Path) -> None:
    table(tmp_path / "set" / "data" / "train-00000-of-00001.parquet", "a")
    table(tmp_path / "set" / "data" / "test-00000-of-00001.parquet", "b")
    with pytest.raises(
        ValueError, match="holds test, train, which are not to be mixed: choose one by --split"
    ):
        ForeignSource(tmp_path / "set")
    assert lines(tmp_path / "set", ForeignReading(split="test")) == ["P(b) I(red)"]
    with pytest.raises(ValueError, match="has no split 'dev', only test, train"):
        ForeignSource(tmp_path / "set", ForeignReading(split="dev"))
    assert lines(table(tmp_path / "one" / "train.parquet", "a").parent) == ["P(a) I(red)"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("empty", "empty holds no data set: expected pictures with captions beside them"),
        ("uncaptioned", "uncaptioned holds no data set: expected pictures with captions"),
        ("several", "several has several lists of pictures, a.csv, b.jsonl: name one of them"),
        ("notes.pdf", "notes.pdf is no data set"),
    ],
)
def test_what_is_no_data_set_is_told(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    save(tmp_path / "uncaptioned" / "a.jpg")
    (tmp_path / "several").mkdir()
    for file in ("a.csv", "b.jsonl"):
        (tmp_path / "several" / file).write_text("")
    (tmp_path / "notes.pdf").write_text("")
    with pytest.raises(ValueError) as refused:
        ForeignSource(tmp_path / name)
    assert said in str(refused.value)


def test_what_cannot_be_asked_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'picture' is none of image, text"):
        ForeignReading({"picture": "a"})
    with pytest.raises(ValueError, match="no such folder, expected one of pictures"):
        ForeignReading(pictures=tmp_path / "nowhere")


def test_captions_become_a_store_and_every_row_that_does_not_is_counted(tmp_path: Path) -> None:
    folder = captioned(tmp_path / "in", "a cat", "a dog", " ", "a cat")
    save(folder / "4.jpg")
    (folder / "5.jpg").write_bytes(encoded()[:200])
    (folder / "5.txt").write_text("a broken one")
    with TraceWriter(tmp_path / "out") as writer:
        found = to_traces(ForeignSource(folder), writer)
    assert (found.rows_read, found.rows_written, found.modes) == (6, 2, {"direct": 2})
    assert {(Path(one.file).name, one.reason) for one in found.rejected} == {
        ("2.jpg", Fault.EMPTY_TEXT),
        ("3.jpg", Fault.DUPLICATE),
        ("4.jpg", Fault.MISSING_COLUMN),
        ("5.jpg", Fault.BROKEN_IMAGE),
    }
    store = TraceStore(tmp_path / "out")
    assert [store.read(index).prompt for index in range(2)] == ["a cat", "a dog"]


def test_reasoning_is_kept_as_conversations_and_says_so_as_traces(tmp_path: Path) -> None:
    rows = [{"conversations": says("Hello", "Hi", "Bye", "Bye")}, {"image": "0.jpg", "text": "a cat"}]
    save(tmp_path / "0.jpg")
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, [*rows, rows[1]])))
    source = ForeignSource(tmp_path / "rows.jsonl", ForeignReading(system_prompt="Be kind."))
    with TraceWriter(tmp_path / "traces") as writer:
        found = to_traces(source, writer)
    assert [one.reason for one in found.rejected] == [Fault.UNFIT, Fault.DUPLICATE]
    assert "it can be kept as a conversation" in found.rejected[0].detail
    with ConversationWriter(tmp_path / "conversations") as writer:
        found = to_conversations(source, writer)
    assert (found.rows_written, [one.reason for one in found.rejected]) == (2, [Fault.DUPLICATE])
    back = ConversationSource(tmp_path / "conversations")
    assert drawn(back.read(0)) == "S(Be kind.) P(Hello) T(Hi)* P(Bye) T(Bye)*"
    assert drawn(back.read(1)) == "P(a cat) N(red)*"


def test_a_system_prompt_takes_the_place_of_none(tmp_path: Path) -> None:
    told = {"conversations": [{"from": "system", "value": "Own."}, *says("Hello", "Hi")]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(told))
    assert lines(tmp_path / "rows.jsonl", ForeignReading(system_prompt="Ours.")) == [
        "S(Own.) P(Hello) T(Hi)*"
    ]
    ((_, (one,)),) = ForeignSource(
        captioned(tmp_path / "in", "a"), ForeignReading(system_prompt="Ours.")
    ).read_all()
    assert isinstance(one, Trace) and one.system_prompt == "Ours."


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what was fetched from the hub lies; nothing else can be had."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_data_set_of_the_hub_is_read_where_it_was_fetched(cache: Path) -> None:
    repo, commit = cache / "datasets--owner--set", "0" * 40
    table(repo / "snapshots" / commit / "data" / "train-00000-of-00001.parquet", "a")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    assert lines(fetch("owner/set")) == lines(fetch("owner/set", commit)) == ["P(a) I(red)"]
    with pytest.raises(ValueError, match="other/set is nothing here, and could not be fetched from the hub"):
        fetch("other/set")


def test_rows_that_cannot_be_read_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{\n{}\n")
    found = list(ForeignSource(tmp_path / "rows.jsonl").read_all())
    assert [place.row for place, _ in found] == [0, 1] and all(
        isinstance(made[0], RowError) for _, made in found
    )
