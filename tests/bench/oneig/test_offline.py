from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from irg.bench.oneig.offline import ONEIG_TEXT_RAPIDOCR
from irg.bench.oneig.reading import Lettering
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Hearing, JudgeOptions, Shown
from irg.core.picture import Picture
from tests.bench.oneig.sources import write_sources


def written(text: str) -> ShownPicture:
    picture = Image.new("RGB", (40 + 30 * len(text), 400), "white")
    ImageDraw.Draw(picture).text((20, 25), text, "black", ImageFont.load_default(48))
    return ShownPicture(Picture.of(picture).data)


def test_what_is_written_is_read_and_scored(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="rapidocr is not installed: pip install irg[bench]")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install irg[bench]")
    write_sources(tmp_path)
    items = ONEIG_TEXT_RAPIDOCR.items(tmp_path)
    assert items and all("text" in item.facts for item in items)
    item = items[0]
    shown = Shown(item, 1, {0: written(item.facts["text"])})
    with ONEIG_TEXT_RAPIDOCR.judge(JudgeOptions(tmp_path, tmp_path)) as judge:
        ((_, rows),) = judge.hear([shown])
        assert judge.identity["reader"] == "RapidOCR"
    assert Lettering.of(item.facts["text"], rows[0].evidence["answer"]).exact
    heard = {item.id: Hearing(item.id, 1, {0: ""}, {}, tuple(rows))}
    summary = ONEIG_TEXT_RAPIDOCR.summaries["text"]([item], heard)
    assert summary.missing == {"no picture": 3} and summary.headline.value == 1


def test_it_is_a_protocol_of_its_own(tmp_path: Path) -> None:
    assert ONEIG_TEXT_RAPIDOCR.name == "oneig-en-text-rapidocr" and [*ONEIG_TEXT_RAPIDOCR.summaries] == [
        "text"
    ]
    options = JudgeOptions(tmp_path, tmp_path, {"model": "x"})
    with pytest.raises(ValueError, match="this judge knows no settings"), ONEIG_TEXT_RAPIDOCR.judge(options):
        pass
