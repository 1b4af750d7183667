"""Text in pictures: RapidOCR on onnxruntime, whose package brings its models, so that nothing is fetched."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from PIL import Image

Corners = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class TextLine:
    """A line as it was read, how sure, and where: its four corners, the first at its top left."""

    text: str
    score: float
    corners: Corners


class TextReader:
    """Reads on the CPU by one thread, so that the same picture always reads the same."""

    def __init__(self) -> None:
        """Raises ValueError if the packages are not installed."""
        try:
            from rapidocr import RapidOCR
        except ImportError as missing:
            raise ValueError(
                f"reading text needs RapidOCR: pip install 'irg[bench]' ({missing})"
            ) from missing
        threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
        self._read = RapidOCR(params={"Global.log_level": "error", **threads})
        names = {"rapidocr": version("rapidocr"), "onnxruntime": version("onnxruntime")}
        self.identity: Mapping[str, Any] = {"reader": "RapidOCR", **names}

    def __call__(self, picture: Image.Image) -> list[TextLine]:
        """The lines from top to bottom, and from left to right; none where there is no text."""
        array_BGR = np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])
        found: Any = self._read(array_BGR)
        if found.txts is None:
            return []
        return [
            TextLine(text, float(score), tuple((float(x), float(y)) for x, y in corners))
            for text, score, corners in zip(found.txts, found.scores, found.boxes, strict=True)
        ]
