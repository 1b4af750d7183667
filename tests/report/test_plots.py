from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from irg.report import plots


@pytest.mark.parametrize(("name", "begin"), [("a.png", b"\x89PNG"), ("a", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_a_plot_is_written_in_place_of_what_was_there(tmp_path: Path, name: str, begin: bytes) -> None:
    (tmp_path / name).write_text("before")
    figure, axis = plots.pyplot().subplots(figsize=(2, 1))
    plots.bare(axis)
    axis.plot([0, 1], color=plots.COLOURS[1])
    assert plots.save(figure, tmp_path / name) == tmp_path / name
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes().startswith(begin) and not plots.pyplot().get_fignums()
    if begin == b"\x89PNG":
        with Image.open(tmp_path / name) as drawn:
            assert drawn.size == (220, 110)
