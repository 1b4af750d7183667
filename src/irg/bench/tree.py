"""Official folder trees: where one keeps the pictures of a turn, what a given one holds, and writing one.

A tree holds one turn; turns are trees side by side. A file holds one picture, whose bytes come through a tree
unchanged, or a grid of several, whose pixels do.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from irg.bench.items import Item
from irg.bench.oneig.grids import TileGrid, joined, split
from irg.bench.pictures import NOT_DRAWN, Look, ShownPicture
from irg.core.files import inside, write_atomically
from irg.core.reading import ImageError, read_image
from irg.core.trace import png

_MARK = re.compile(r"turn(\d+)_")
MODEL = "irg"
"""What is written where an official tree has a folder that is named after the model."""


@dataclass(frozen=True)
class PictureFile:
    """A file of a tree, as a path without its suffix, and the numbers of the pictures in it: one, or those of
    a grid in reading order."""

    path: str
    pictures: tuple[int, ...] = (0,)
    grid: TileGrid | None = None


def _nothing(items: Sequence[Item]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class OfficialTree:
    """Where the pictures of an item are, which suffixes a reader takes (a writer the first of them), and by
    path the texts that belong beside them.

    `numbered` is a pattern that the paths of all pictures match in full, suffix aside, whatever their
    numbers: what matches it, and is no item's place, has a wrong number. With `any_padding` the zeros before
    a number do not matter. A writer keeps the bytes that a picture has, whatever the suffix says: readers go
    by the content.
    """

    files: Callable[[Item], Sequence[PictureFile]]
    numbered: str
    suffixes: tuple[str, ...] = (".png",)
    texts: Callable[[Sequence[Item]], Mapping[str, str]] = field(default=_nothing)
    any_padding: bool = False
    model_part: int | None = None
    """Which part of the paths is `MODEL`: a reader takes any name there, but only one."""
    mark: str = ""
    """What stands before the name of every picture, where several turns lie in one folder."""

    def marked(self, mark: str) -> "OfficialTree":
        """The same with `mark` before the name of every picture; a text beside each may be there."""
        if not mark:
            return self

        def files(item: Item) -> Sequence[PictureFile]:
            return [replace(one, path=_before_name(mark, one.path)) for one in self.files(item)]

        def texts(items: Sequence[Item]) -> Mapping[str, str]:
            return {f"{one.path}.txt": "" for item in items for one in files(item)}

        return replace(self, files=files, texts=texts, numbered=_before_name(mark, self.numbered), mark=mark)

    def is_another_turns(self, path: Path) -> bool:
        """A file of a turn that lies in the same folder."""
        return bool(self.mark) and _MARK.match(path.name) is not None and not path.name.startswith(self.mark)

    def stem(self, path: str) -> str:
        if self.model_of(path) is not None:
            parts = path.split("/")
            path = "/".join(MODEL if at == self.model_part else part for at, part in enumerate(parts))
        return re.sub(r"\d+", lambda digits: str(int(digits[0])), path) if self.any_padding else path

    def model_of(self, path: str) -> str | None:
        """The model that a path names, if any."""
        parts = path.split("/")
        return (
            parts[self.model_part] if self.model_part is not None and len(parts) > self.model_part else None
        )


@dataclass(frozen=True)
class Content:
    """What is in a tree: by item and number the file of each picture, and all that is wrong, as paths in it;
    of what cannot be read also why."""

    places: Mapping[tuple[str, int], tuple[Path, PictureFile]]
    missing: tuple[str, ...]
    unreadable: Mapping[str, str]
    misnumbered: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def faults(self) -> dict[str, tuple[str, ...]]:
        """All that is wrong, by kind; kinds of which there is nothing left out."""
        found = {
            "missing": self.missing,
            "unreadable": tuple(f"{path} ({why})" for path, why in self.unreadable.items()),
            "wrongly numbered": self.misnumbered,
            "extra": self.extra,
        }
        return {kind: paths for kind, paths in found.items() if paths}

    def pictures(self, item: Item) -> dict[int, ShownPicture | str]:
        """The pictures of an item by their numbers, or why there is none. A file of several is read once."""
        found: dict[int, ShownPicture | str] = dict.fromkeys(range(len(item.seeds)), NOT_DRAWN)
        for path, one in {self.places[key] for number in found if (key := (item.id, number)) in self.places}:
            if path.is_file():
                found |= _shown(path, one)
        return found


class NoPicturesError(ValueError):
    """There is no such folder, or no picture of the benchmark in it."""


def content_of(tree: OfficialTree, items: Sequence[Item], folder: Path, is_read: bool = True) -> Content:
    """What a folder holds of the pictures of the items. Every picture is read, to tell those that cannot be,
    unless that is not asked for. Raises NoPicturesError for what is no folder or holds none of them, and
    ValueError for those of several models."""
    if not folder.is_dir():
        raise NoPicturesError(f"{folder} is no folder")
    wanted = {tree.stem(one.path): (item, one) for item in items for one in tree.files(item)}
    texts = {*tree.texts(items)}
    found: dict[str, Path] = {}
    misnumbered, extra = [], []
    for path in sorted(_files(folder), key=lambda path: _rank(path, tree)):
        if tree.is_another_turns(path):
            continue
        name = path.relative_to(folder).as_posix()
        stem = tree.stem(PurePosixPath(name).with_suffix("").as_posix())
        is_picture = path.suffix.lower() in tree.suffixes
        if is_picture and stem in wanted and stem not in found:
            found[stem] = path
        elif is_picture and stem not in wanted and re.fullmatch(tree.numbered, stem):
            misnumbered.append(name)
        elif name not in texts:
            extra.append(name)
    if not found:
        first = next(iter(wanted.values()))[1].path + tree.suffixes[0]
        raise NoPicturesError(f"{folder} holds no picture of this benchmark: expected files such as {first}")
    models = {tree.model_of(path.relative_to(folder).as_posix()) for path in found.values()}
    if len(models) > 1:
        raise ValueError(
            f"{folder} holds pictures of {' and '.join(sorted(map(str, models)))}: expected one model"
        )
    read = found if is_read else {}
    faults = {stem: why for stem, path in read.items() if (why := _fault(path, wanted[stem][1]))}
    places = {
        (wanted[stem][0].id, number): (path, wanted[stem][1])
        for stem, path in found.items()
        for number in wanted[stem][1].pictures
    }
    return Content(
        places,
        tuple(one.path + tree.suffixes[0] for stem, (_, one) in wanted.items() if stem not in found),
        {found[stem].relative_to(folder).as_posix(): why for stem, why in faults.items()},
        tuple(sorted(misnumbered)),
        tuple(sorted(extra)),
    )


def write_tree(
    tree: OfficialTree, items: Sequence[Item], look: Look, turn: int, folder: Path
) -> dict[str, int]:
    """Write the pictures of a turn and the texts beside them, and count what there was no picture for, by
    reason. Raises ValueError for a grid that would say something else: of a wholly black picture, which
    stands for none, or of several sizes."""
    missing: dict[str, int] = {}
    for name, text in tree.texts(items).items():
        _write(inside(folder, name), text.encode())
    for item in items:
        there = look(item, turn)
        for one in tree.files(item):
            shown = {place: there[number] for place, number in enumerate(one.pictures)}
            for reason in shown.values():
                if isinstance(reason, str):
                    missing[reason] = missing.get(reason, 0) + 1
            pictures = {place: found for place, found in shown.items() if isinstance(found, ShownPicture)}
            if pictures:
                _write(inside(folder, one.path + tree.suffixes[0]), _data(pictures, one))
    return missing


@dataclass(frozen=True)
class TurnFolder:
    """Where the pictures of a turn lie: all that is in a folder, or what has a mark before its name there."""

    path: Path
    mark: str = ""

    def content(self, tree: OfficialTree, items: Sequence[Item], is_read: bool = True) -> Content:
        return content_of(tree.marked(self.mark), items, self.path, is_read)


def turns_in(folder: Path) -> dict[int, TurnFolder]:
    """The trees in a folder by their turns: its folders turn0, turn1, ...; or itself, where its files are
    named turn1_0, turn2_0, ..., as by IRG's scripts; or else itself as turn 1."""
    found = {
        int(match[1]): TurnFolder(path)
        for path in sorted(folder.iterdir() if folder.is_dir() else ())
        if path.is_dir() and (match := re.fullmatch(r"turn(\d+)", path.name))
    }
    marks = {} if found else {match[0] for path in _files(folder) if (match := _MARK.match(path.name))}
    found |= {int(mark[4:-1]): TurnFolder(folder, mark) for mark in marks}
    return dict(sorted(found.items())) or {1: TurnFolder(folder)}


def _before_name(mark: str, path: str) -> str:
    before, slash, name = path.rpartition("/")
    return f"{before}{slash}{mark}{name}"


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _rank(path: Path, tree: OfficialTree) -> tuple[int, str]:
    """Of two files of one picture that which the tree names first is taken."""
    suffix = path.suffix.lower()
    known = tree.suffixes.index(suffix) if suffix in tree.suffixes else len(tree.suffixes)
    return known, path.as_posix()


def _fault(path: Path, one: PictureFile) -> str | None:
    try:
        data = path.read_bytes()
        if one.grid is None:
            read_image(data, path.name)
        else:
            split(data, one.grid, path.name)
    except (ImageError, OSError) as error:
        return str(error).removeprefix(path.name).strip(" :")
    return None


def _shown(path: Path, one: PictureFile) -> dict[int, ShownPicture]:
    """The pictures in a file by their numbers. A grid that cannot be read stands for each of its own, which
    are then told to be unreadable."""
    data = path.read_bytes()
    if one.grid is None:
        return {one.pictures[0]: ShownPicture(data, path)}
    try:
        tiles = split(data, one.grid, str(path))
    except ImageError:
        return dict.fromkeys(one.pictures, ShownPicture(data, path))
    numbers = dict(enumerate(one.pictures))
    return {numbers[place]: ShownPicture(png(tile), path) for place, tile in tiles.items()}


def _data(pictures: Mapping[int, ShownPicture], one: PictureFile) -> bytes:
    if one.grid is None:
        return pictures[0].data
    tiles = {place: found.open() for place, found in pictures.items()}
    if black := [one.pictures[place] for place, tile in tiles.items() if tile.getbbox() is None]:
        raise ValueError(f"picture {black[0]} of {one.path} is wholly black, which says there is none")
    return joined(tiles, one.grid)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)
