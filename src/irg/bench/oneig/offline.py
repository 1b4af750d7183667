"""OneIG's text score with RapidOCR in place of the model that the authors read by: it needs no endpoint and
no GPU. Its numbers are not those of OneIG, and it goes by a name of its own.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from PIL import Image

from irg.bench.items import Item
from irg.bench.oneig.benchmark import ONEIG
from irg.bench.oneig.dimensions import FIVE
from irg.bench.oneig.grids import shown as through_jpeg
from irg.bench.oneig.items import oneig_items
from irg.bench.oneig.judge import TEXT
from irg.bench.oneig.summary import summary_of_dimension
from irg.bench.pictures import ShownPicture
from irg.bench.readers import reader_judge
from irg.core.picture import Picture

_LETTERING = next(one for one in FIVE if one.name == TEXT)


def _seen(picture: ShownPicture) -> Image.Image:
    return Picture(through_jpeg(picture.open())).open()


def _items(folder: Path) -> list[Item]:
    return [item for item in oneig_items(folder) if _LETTERING.applies(item)]


ONEIG_TEXT_RAPIDOCR = replace(
    ONEIG,
    name="oneig-en-text-rapidocr",
    version=1,
    words="the text of OneIG-EN's pictures, read offline by RapidOCR",
    items=_items,
    judge=partial(reader_judge, seen=_seen),
    program=None,
    summaries={TEXT: summary_of_dimension(_LETTERING)},
)
