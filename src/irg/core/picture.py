"""Pictures as files: the bytes that are stored, sent and compared."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from PIL import Image
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import (
    plain_serializer_function_ser_schema,
    with_info_plain_validator_function,
)

from irg.core.reading import read_image
from irg.core.trace import png

_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif", b"BM": "bmp"}


@dataclass(frozen=True)
class Picture:
    """An image as the bytes of its file, which is what is stored, sent and compared."""

    data: bytes = field(repr=False)

    @classmethod
    def of(cls, image: Image.Image) -> "Picture":
        """The image as PNG, in RGB."""
        return cls(png(read_image(image)))

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()[:32]

    @property
    def kind(self) -> str | None:
        """What kind of file it is, by its first bytes: png, jpeg, webp, gif or bmp; None for any other."""
        return next((kind for begin, kind in _SIGNATURES.items() if self.data.startswith(begin)), None)

    def open(self) -> Image.Image:
        """The image in RGB, decoded. Raises ImageError when the bytes are no image."""
        return read_image(self.data)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """In JSON it is its digest, by which the context finds it again."""
        digest = plain_serializer_function_ser_schema(lambda picture: picture.digest)
        return with_info_plain_validator_function(lambda name, info: info.context(name), serialization=digest)


class StoredPicture(Picture):
    """A picture that was left in a store: all that is at hand is its digest."""

    def __init__(self, digest: str) -> None:
        self.__dict__["digest"] = digest

    def __getattribute__(self, name: str) -> Any:
        assert name != "data", "the picture was not loaded from the store"
        return super().__getattribute__(name)
