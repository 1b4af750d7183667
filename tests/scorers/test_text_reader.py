import pytest
from PIL import Image, ImageDraw, ImageFont

from irg.scorers.text_reader import TextReader

pytest.importorskip("rapidocr", reason="rapidocr is not installed: pip install irg[bench]")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install irg[bench]")


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def written(*lines: str, ground: str = "white", ink: str = "black") -> Image.Image:
    picture = Image.new("RGB", (420, 60 + 80 * len(lines)), ground)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((30, 30 + 80 * number), line, ink, ImageFont.load_default(48))
    return picture


def test_real_text_is_read_line_by_line(reader: TextReader) -> None:
    lines = reader(written("Golden Harvest", "Market 1987", ground="navy", ink="yellow"))
    assert [line.text for line in lines] == ["Golden Harvest", "Market 1987"]
    assert all(line.score > 0.9 for line in lines)
    tops = [min(y for _, y in line.corners) for line in lines]
    assert 20 < tops[0] < 60 and 100 < tops[1] < 140


def test_where_there_is_no_text_none_is_read(reader: TextReader) -> None:
    assert reader(Image.new("RGB", (60, 40), "white")) == []


def test_a_reader_says_what_reads(reader: TextReader) -> None:
    assert {*reader.identity} == {"reader", "rapidocr", "onnxruntime"}
