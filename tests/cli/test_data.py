import json
from pathlib import Path

import numpy as np
import pytest

from irg.data.formats import Format
from irg.data.traces import TraceStore, TraceWriter
from tests.cli.conftest import Run
from tests.data.broken import trace, write_broken
from tests.data.foreign.pictured import save


@pytest.fixture
def traces(work: Path) -> Path:
    with TraceWriter(work / "traces", rows_per_file=2) as writer:
        for index in range(5):
            writer.write(trace(index, np.random.default_rng(index)))
    return work / "traces"


def test_inspecting_shows_modes_tokens_sizes_and_rejected_rows(run: Run, work: Path) -> None:
    write_broken(work / "data", 200, np.random.default_rng(0), Format.TRACES)
    result = run("data", "inspect", "data", "--max-tokens", 4000, "--out", "report")
    assert result.exit_code == 0, result.output
    for words in (
        "200 rows, 191 usable, 9 rejected",
        "improving_full",
        "32x32",
        "100.0%",
        "left out of a mode",
    ):
        assert words in result.stdout
    assert "turns[1].thought is empty" in result.stdout and "wrote report/index.html" in result.stdout
    assert (work / "report" / "index.html").read_text().startswith("<!doctype html>")
    assert len((work / "report" / "rejected.jsonl").read_text().splitlines()) == 9 + 3


def test_an_inspection_replaces_its_own_pages_alone(run: Run, traces: Path, work: Path) -> None:
    for _ in range(2):
        assert run("data", "inspect", traces, "--out", "report").exit_code == 0
    Path("mine").mkdir()
    Path("mine/index.html").write_text("a page of mine")
    result = run("data", "inspect", traces, "--out", "mine")
    assert result.exit_code == 2
    assert "mine holds 'index.html' and no inspection that irg made" in " ".join(result.output.split())
    assert [path.name for path in Path("mine").iterdir()] == ["index.html"]
    assert Path("mine/index.html").read_text() == "a page of mine"


def test_inspecting_prints_json_and_nothing_else(run: Run, traces: Path) -> None:
    result = run("data", "inspect", traces, "--json", "--skip-pictures")
    content = json.loads(result.stdout)
    assert content["rows"] == content["usable"] == 5 and content["decoded"] is False
    assert content["modes"]["improving_full"]["documents"] == 5
    assert content["pictures"] == {"32x32": 10} and content["rejected"] == []


def test_another_model_measures_otherwise(run: Run, traces: Path, checkpoint: Path) -> None:
    own, other = (
        json.loads(run("data", "inspect", traces, "--json", "--skip-pictures", *options).stdout)
        for options in ((), ("--model", checkpoint))
    )
    assert own["modes"]["direct"]["median"] != other["modes"]["direct"]["median"]


def test_pictures_with_captions_become_a_store(run: Run, work: Path) -> None:
    save(work / "photos" / "a.jpg").with_suffix(".txt").write_text("a barn")
    save(work / "photos" / "b.jpg")
    result = run("data", "convert", "photos", "mine")
    assert result.exit_code == 0, result.output
    for words in (
        "2 rows read, 1 written to mine",
        "missing column",
        "b.jpg, row 0: there is no caption beside",
    ):
        assert words in result.stdout
    (rejected,) = (work / "mine" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["file"] == "photos/b.jpg"
    assert TraceStore(work / "mine").read(0).prompt == "a barn"


def test_a_list_with_columns_of_its_own_and_pictures_elsewhere(run: Run, work: Path) -> None:
    save(work / "photos" / "a.jpg")
    (work / "list.csv").write_text("foto,titel\na.jpg,a barn\n")
    given = ("data", "convert", "list.csv", "mine", "--pictures", "photos")
    assert "no image: it has foto, titel" in " ".join(run(*given).output.split())
    told = json.loads(run(*given, "--columns", "image=foto,text=titel", "--json").stdout)
    assert (told["written"], told["modes"], told["rejected"]) == (1, {"direct": 1}, [])


def test_what_convert_cannot_be_asked_for(refuse, work: Path) -> None:
    save(work / "photos" / "a.jpg")
    for options, said in (
        (("--columns", "image"), "--columns: 'image' is no WHAT=NAME, such as image=photo"),
        (("--columns", "foto=image"), "--columns: 'foto' is none of image, text"),
        (("--revision", "main"), "--revision is of data sets on the hub, and photos is none"),
        (("--split", "train"), "photos holds no data set"),
        ((), "photos holds no data set: expected pictures with captions beside them (cat.jpg, cat.txt)"),
    ):
        assert said in refuse("data", "convert", "photos", "mine", *options)
    assert "other data sets are read by irg data convert" in refuse("data", "inspect", "photos")


def test_converting_there_and_back(run: Run, traces: Path, work: Path) -> None:
    there = run(
        "data", "convert", traces, "rows", "--to", "conversation", "--modes", "initial_full,improving_full"
    )
    assert there.exit_code == 0, there.output
    assert "5 rows read, 10 written to rows" in there.stdout
    back = json.loads(run("data", "convert", "rows", "back", "--to", "traces", "--json").stdout)
    assert (back["read"], back["written"]) == (10, 10) and back["rejected"] == []
    assert back["modes"] == {"initial_full": 5, "improving_full": 5}
    before, after = TraceStore(traces).read(0), TraceStore(work / "back").read(1)
    assert [turn.thought for turn in after.turns] == [turn.thought for turn in before.turns]
    manifest = json.loads((work / "back" / "manifest.json").read_text())
    assert manifest["provenance"] == {"converted_from": "rows", "rows": 10}


def test_converting_shows_what_it_leaves_out(run: Run, work: Path) -> None:
    write_broken(work / "data", 200, np.random.default_rng(0), Format.CONVERSATION)
    result = run("data", "convert", "data", "traces", "--to", "traces")
    assert "200 rows read, 191 written" in result.stdout and "unknown role" in result.stdout
    assert len((work / "traces" / "rejected.jsonl").read_text().splitlines()) == 9
    assert run("data", "verify", "traces").exit_code == 0


def test_converting_leaves_a_folder_of_others_alone(run: Run, traces: Path, work: Path) -> None:
    mine = work / "out" / "rejected.jsonl"
    mine.parent.mkdir()
    mine.write_text("irreplaceable")
    refused = run("data", "convert", traces, "out")
    assert refused.exit_code == 2 and "holds 'rejected.jsonl' and no data set" in refused.stderr
    assert mine.read_text() == "irreplaceable" and list(mine.parent.iterdir()) == [mine]
    again = [run("data", "convert", traces, "new") for _ in range(2)]
    assert [one.exit_code for one in again] == [0, 2]
    assert "holds a data set already" in again[1].stderr
    (work / "new" / ".irg.json").unlink()  # as earlier versions left it
    assert "holds a data set already" in run("data", "convert", traces, "new").stderr
    assert not (work / "new" / ".irg.json").exists()


def test_converting_into_what_is_read_is_refused(run: Run, traces: Path, work: Path) -> None:
    before = sorted(traces.rglob("*"))
    for target in (traces, traces / "new", work / "x" / ".." / traces.name / "new"):
        refused = run("data", "convert", traces, target)
        assert refused.exit_code == 2 and "lies in what is read" in " ".join(refused.stderr.split())
    assert sorted(traces.rglob("*")) == before


def test_converting_nothing_writes_nothing(run: Run, traces: Path, work: Path) -> None:
    result = run("data", "convert", traces, "rows", "--to", "conversation", "--modes", "edit")
    assert result.exit_code == 2 and "none of the 5 rows can be converted" in result.stderr
    assert not (work / "rows").exists()


def test_verifying_names_every_damaged_file(run: Run, traces: Path) -> None:
    whole = run("data", "verify", traces)
    assert whole.exit_code == 0 and "files: 3, rows: 5" in whole.stdout
    path = traces / "traces-00001.parquet"
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    (traces / "traces-00002.parquet").unlink()
    result = run("data", "verify", traces)
    assert result.exit_code == 2
    assert "traces-00001.parquet has SHA-256" in result.stderr
    assert "traces-00002.parquet is missing" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect", "nowhere"), "nowhere: no such file or folder"),
        (("verify", "nowhere"), "nowhere has no manifest.json"),
        (("convert", "traces", "traces", "--to", "traces"), "lies in what is read"),
        (("convert", "traces", "new", "--to", "traces", "--modes", "edit"), "goes with --to conversation"),
        (("convert", "traces", "new", "--to", "conversation", "--jpeg-quality", 90), "goes with --to traces"),
        (("convert", "traces", "new", "--to", "conversation", "--modes", "all"), "'all' is none of direct,"),
    ],
)
def test_what_was_asked_wrongly_is_one_line(run: Run, traces: Path, arguments: tuple, message: str) -> None:
    result = run("data", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr and len(result.stderr.splitlines()) == 1
