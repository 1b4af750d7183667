"""Pictures as answers hold them: base64 of a file in the format that was asked for."""

import base64
import io
from dataclasses import dataclass

from irg.core.reading import read_image


@dataclass(frozen=True)
class Encoding:
    """The format of pictures, and how much is kept by those that lose some, in percent."""

    format: str = "png"
    quality: int = 100

    @property
    def media_type(self) -> str:
        return f"image/{self.format}"

    def of(self, data: bytes) -> str:
        """Of the bytes of a PNG, which are sent as they are where that was asked for."""
        if self.format != "png":
            buffer = io.BytesIO()
            read_image(data).save(buffer, format=self.format.upper(), quality=self.quality)
            data = buffer.getvalue()
        return base64.b64encode(data).decode()

    def address(self, data: bytes) -> str:
        """As an address that holds the picture."""
        return f"data:{self.media_type};base64,{self.of(data)}"
