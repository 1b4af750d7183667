import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from irg.bench.items import Item
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import JudgeOptions, Shown
from irg.bench.readers import TEXT, ReaderJudge, reader_judge


def written(text: str) -> ShownPicture:
    """Black on white, large enough to be read."""
    picture = Image.new("RGB", (40 + 30 * len(text), 120), "white")
    ImageDraw.Draw(picture).text((20, 30), text, "black", ImageFont.load_default(48))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return ShownPicture(buffer.getvalue())


def test_what_is_written_is_read_and_nothing_where_there_is_none(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="rapidocr is not installed: pip install irg[bench]")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install irg[bench]")
    shown = Shown(Item("1", "p", (0, 1)), 1, {0: written("Open daily"), 1: written("")})
    with reader_judge(JudgeOptions(tmp_path, tmp_path)) as judge:
        ((_, rows),) = judge.hear([shown])
        assert judge.identity["reader"] == "RapidOCR"
    assert [(row.picture, row.question) for row in rows] == [(0, TEXT), (1, TEXT)]
    assert rows[0].evidence["answer"].lower().replace(" ", "") == "opendaily" and rows[0].evidence["scores"]
    assert rows[1].evidence == {"answer": "", "scores": []}


def test_a_picture_that_cannot_be_read_by_it_ends_nothing() -> None:
    def seen(picture: ShownPicture) -> Image.Image:
        raise RuntimeError("too large")

    judge = ReaderJudge(seen)
    judge.__dict__["_reader"] = lambda picture: []
    ((_, (row,)),) = judge.hear([Shown(Item("1", "p", (0,)), 1, {0: written("")})])
    assert row.fault == "judge error: RuntimeError" and row.evidence["detail"] == "too large"


def test_it_has_no_settings(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="--judge model"),
        reader_judge(JudgeOptions(tmp_path, tmp_path, {"model": "x"})),
    ):
        pass
