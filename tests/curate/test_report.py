"""The report: a page that holds all it shows."""

import base64
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from irg.curate.emit import EmitSettings, emit
from irg.curate.report import page, write_report
from irg.curate.select import SelectSettings
from irg.curate.survey import survey
from irg.endpoint import Spending
from irg.stages.runner import run
from tests.curate.small import job
from tests.report.reading import Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    made = job(folder, count=16, select=SelectSettings(hash_distance=200))
    run(made)
    emit(made.store, made.selector.marks, folder, EmitSettings(), {})
    return folder


def test_a_page_shows_the_whole_of_a_run(folder: Path) -> None:
    found = survey(folder)
    read = Page(write_report(folder).read_text())
    kept, lost = found.num_kept, sum(found.reasons.values())
    assert kept + lost == 16 and lost > 0
    assert read.tags["article"] == 16 and read.tags["img"] == 32
    said = " ".join(read.words)
    for stage in ("propose", "think", "draw", "improve", "judge", "reflect", "filter", "select"):
        assert stage in said
    assert f"{kept} of 16" in said and "near-duplicate" in said and "scene world, " in said
    assert read.classes["reason"] == lost
    assert set(found.numbers) == {"flaws", "plan right"} | {
        f"words of {part}" for part in ("prompt", "thought", "reflection")
    }
    assert read.tags["figure"] == 5 and read.tags["svg"] == 6
    assert found.kept[0].prompt in said and (found.kept[0].thought or "-") in said


def test_its_pictures_are_inside_it(folder: Path) -> None:
    read = Page(page(survey(folder), "run"))
    for image in read.images:
        kind, _, data = image["src"].partition(",")
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        assert kind == "data:image/webp;base64" and picture.size == (128, 128)
        assert (image["width"], image["height"]) == ("128", "128") and image["alt"] in ("image 1", "image 2")
    assert len({image["src"] for image in read.images}) > 20
    assert "default-src 'none'" in read.text and "http:" not in read.text and "https:" not in read.text


def test_what_people_wrote_is_text_and_not_markup(folder: Path) -> None:
    found = survey(folder)
    found.kept = [replace(found.kept[0], prompt="<script>alert('&')</script>")]
    read = Page(page(found, "<b>name</b>"))
    assert read.tags["script"] == 0 and read.tags["b"] == 0
    assert "<script>alert('&')</script>" in "".join(read.words)


def test_it_tells_what_was_charged(folder: Path) -> None:
    found = survey(folder)
    assert "charged to" not in page(found, "run")
    found.spent = (Spending("wise", 1234, 5, 6, 7, 0.25, {"timed out": 3}),)
    said = " ".join(Page(page(found, "run")).words)
    assert "wise" in said and "1,234" in said and "3 timed out" in said and "0.2500" in said


def test_a_page_of_nothing_is_a_page(tmp_path: Path) -> None:
    made = job(tmp_path, count=4, through=[])
    made.selector.marks.clear()
    emit(made.store, [], tmp_path, EmitSettings(), {})
    said = " ".join(Page(write_report(tmp_path).read_text()).words)
    assert "0 traces" in said and "nothing was rejected" in said and "none were measured" in said


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no finished curation"):
        write_report(tmp_path)
