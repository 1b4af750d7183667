import base64

import numpy as np
import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.serve.pictures import Encoding

PNG = Picture.of(Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5)).data


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_picture_is_sent_in_the_format_that_was_asked_for(name: str) -> None:
    sent = Picture(base64.b64decode(Encoding(name).of(PNG)))
    assert sent.kind == name
    off = np.abs(np.asarray(sent.open(), int) - np.asarray(Picture(PNG).open(), int)).max()
    assert off == 0 if name == "png" else off < 60


def test_a_png_is_sent_as_it_is() -> None:
    assert Encoding().address(PNG) == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
