"""Pictures on their way to an endpoint and back."""

import base64
import binascii

from irg.core.picture import Picture

_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif"}


def media_type(picture: Picture) -> str:
    """What kind of file it is. Raises ValueError for one that endpoints do not take."""
    for signature, name in _SIGNATURES.items():
        if picture.data.startswith(signature):
            return f"image/{name}"
    raise ValueError(f"a picture begins with {picture.data[:4]!r}, expected PNG, JPEG, WebP or GIF")


def data_url(picture: Picture) -> str:
    return f"data:{media_type(picture)};base64,{base64.b64encode(picture.data).decode()}"


def as_png(encoded: str) -> bytes:
    """Base64 of any image as the bytes of a PNG, the same bytes if it is one already.

    Raises ValueError when it is no whole image.
    """
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error as broken:
        raise ValueError(f"not base64: {broken}") from broken
    picture = Picture(data)
    image = picture.open()
    return data if data.startswith(b"\x89PNG") else Picture.of(image).data
