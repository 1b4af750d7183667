import hashlib
from pathlib import Path

from irg.bench.pictures import ShownPicture


def test_a_shown_picture_has_the_hash_of_its_bytes() -> None:
    assert ShownPicture(b"abc", Path("x.png")).sha256 == hashlib.sha256(b"abc").hexdigest()
