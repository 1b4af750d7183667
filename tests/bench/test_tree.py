import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irg.bench.items import Item
from irg.bench.oneig.grids import TileGrid
from irg.bench.pictures import Look, ShownPicture
from irg.bench.tree import MODEL, OfficialTree, PictureFile, TurnFolder, content_of, turns_in, write_tree
from irg.core.trace import png

ITEMS = [Item("0", "red", (1, 2)), Item("1", "blue", (3, 4))]
TREE = OfficialTree(
    lambda item: [PictureFile(f"{int(item.id):05d}/samples/{n:05d}", (n,)) for n in (0, 1)],
    r"\d+/samples/\d+",
    (".png", ".jpg"),
    lambda items: {f"{int(item.id):05d}/metadata.jsonl": item.prompt for item in items},
    any_padding=True,
)
GRIDS = OfficialTree(lambda item: [PictureFile(item.id, (0, 1), TileGrid(2, 1))], r"\d+", (".webp",))


def picture(seed: int, size: tuple[int, int] = (9, 7)) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return png(Image.fromarray(noise))


def look_at(pictures: dict[tuple[str, int], bytes]) -> Look:
    def look(item: Item, turn: int) -> dict[int, ShownPicture | str]:
        keys = [(item.id, number) for number in (0, 1)]
        return {key[1]: ShownPicture(pictures[key]) if key in pictures else "no picture" for key in keys}

    return look


EVERY = {(item.id, number): picture(7 * int(item.id) + number) for item in ITEMS for number in (0, 1)}


def test_bytes_come_through_a_tree_unchanged(tmp_path: Path) -> None:
    assert write_tree(TREE, ITEMS, look_at(EVERY), 1, tmp_path) == {}
    assert (tmp_path / "00001" / "metadata.jsonl").read_text() == "blue"
    found = content_of(TREE, ITEMS, tmp_path)
    assert not found.faults and len(found.places) == 4
    for item in ITEMS:
        for number, one in found.pictures(item).items():
            assert isinstance(one, ShownPicture) and one.data == EVERY[item.id, number]


def test_pixels_come_through_grids_unchanged_and_what_is_missing_stays_missing(tmp_path: Path) -> None:
    some = {key: data for key, data in EVERY.items() if key != ("1", 0)}
    assert write_tree(GRIDS, ITEMS, look_at(some), 1, tmp_path) == {"no picture": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.webp", "1.webp"]
    found = content_of(GRIDS, ITEMS, tmp_path)
    assert not found.faults
    for item in ITEMS:
        for number, one in found.pictures(item).items():
            if (item.id, number) == ("1", 0):
                assert one == "no picture"
                continue
            assert isinstance(one, ShownPicture)
            expected = Image.open(io.BytesIO(EVERY[item.id, number]))
            assert (np.asarray(one.open()) == np.asarray(expected)).all()
    black = EVERY | {("1", 0): png(Image.new("RGB", (9, 7)))}
    with pytest.raises(ValueError, match="picture 0 of 1 is wholly black, which says there is none"):
        write_tree(GRIDS, ITEMS, look_at(black), 1, tmp_path)


def test_all_that_is_wrong_with_a_folder_is_told(tmp_path: Path) -> None:
    write_tree(TREE, ITEMS, look_at(EVERY), 1, tmp_path)
    (tmp_path / "00000/samples/00000.png").unlink()
    (tmp_path / "00001/samples/00000.png").write_bytes(b"no picture")
    (tmp_path / "00001/samples/00001.png").rename(tmp_path / "00001/samples/1.jpg")
    for name in ("00000/samples/00002.png", "00002/samples/00000.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(EVERY["0", 0])
    (tmp_path / "grid.png").write_bytes(EVERY["0", 0])
    (tmp_path / "00001/samples/00001.png.bak").write_bytes(EVERY["0", 0])
    (tmp_path / ".DS_Store").touch()
    found = content_of(TREE, ITEMS, tmp_path)
    assert found.missing == ("00000/samples/00000.png",)
    assert list(found.unreadable) == ["00001/samples/00000.png"]
    assert found.misnumbered == ("00000/samples/00002.png", "00002/samples/00000.png")
    assert found.extra == ("00001/samples/00001.png.bak", "grid.png")
    assert list(found.faults) == ["missing", "unreadable", "wrongly numbered", "extra"]
    assert isinstance(found.pictures(ITEMS[1])[1], ShownPicture), "of any suffix, with any padding"
    assert found.pictures(ITEMS[0])[0] == "no picture"
    assert not content_of(TREE, ITEMS, tmp_path, is_read=False).unreadable
    exact = content_of(replace(TREE, any_padding=False), ITEMS, tmp_path)
    assert "00001/samples/1.jpg" in exact.misnumbered and "00001/samples/00001.png" in exact.missing


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    tree = OfficialTree(lambda item: [PictureFile(f"../{item.id}")], r"\d+")
    with pytest.raises(ValueError, match=r"'\.\./0\.png' lies outside of this folder"):
        picture = ShownPicture(png(Image.new("RGB", (8, 8))))
        write_tree(tree, [Item("0", "a", (1,))], lambda item, turn: {0: picture}, 1, tmp_path / "tree")
    assert not list(tmp_path.rglob("*.png"))


def test_of_two_files_of_a_picture_one_is_extra(tmp_path: Path) -> None:
    write_tree(TREE, ITEMS, look_at(EVERY), 1, tmp_path)
    (tmp_path / "00000/samples/00000.jpg").write_bytes(EVERY["1", 1])
    found = content_of(TREE, ITEMS, tmp_path)
    assert found.faults == {"extra": ("00000/samples/00000.jpg",)}
    one = found.pictures(ITEMS[0])[0]
    assert isinstance(one, ShownPicture) and one.data == EVERY["0", 0]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(EVERY["0", 0])
    with pytest.raises(ValueError, match=r"expected files such as 00000/samples/00000.png"):
        content_of(TREE, ITEMS, tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        content_of(TREE, ITEMS, tmp_path / "nowhere")


def test_turns_are_trees_side_by_side(tmp_path: Path) -> None:
    assert turns_in(tmp_path) == {1: TurnFolder(tmp_path)}
    for name in ("turn2", "turn0", "turn10", "turned"):
        (tmp_path / name).mkdir()
    assert turns_in(tmp_path) == {turn: TurnFolder(tmp_path / f"turn{turn}") for turn in (0, 2, 10)}


def test_turns_in_one_folder_are_told_apart_by_their_names(tmp_path: Path) -> None:
    write_tree(TREE, ITEMS, look_at(EVERY), 1, tmp_path)
    for path in sorted(tmp_path.rglob("*.png")):
        second = path.with_name(f"turn2_{path.name}")
        second.write_bytes(path.read_bytes() + b"later")
        second.with_suffix(".txt").write_text("better")
        path.rename(path.with_name(f"turn1_{path.name}"))
    (tmp_path / "00000/samples/turn1_00007.png").write_bytes(b"")
    (tmp_path / "00001/samples/turn2_00000.png").unlink()
    found = {turn: one.content(TREE, ITEMS, is_read=False) for turn, one in turns_in(tmp_path).items()}
    assert [*found] == [1, 2]
    assert found[1].faults.pop("wrongly numbered") == ("00000/samples/turn1_00007.png",)
    assert found[2].faults.pop("missing") == ("00001/samples/turn2_00000.png",)
    for turn, end in ((1, b""), (2, b"later")):
        one = found[turn].pictures(ITEMS[0])[1]
        assert isinstance(one, ShownPicture) and one.data == EVERY["0", 1] + end


OF_MODELS = OfficialTree(
    lambda item: [PictureFile(f"red/{MODEL}/{item.id}")], rf"red/{MODEL}/\d+", model_part=1
)


def test_a_folder_may_be_named_after_any_model_but_only_after_one(tmp_path: Path) -> None:
    (tmp_path / "red" / "theirs").mkdir(parents=True)
    for name in ("0", "7"):
        (tmp_path / "red" / "theirs" / f"{name}.png").write_bytes(EVERY["0", 0])
    found = content_of(OF_MODELS, ITEMS, tmp_path)
    assert found.misnumbered == ("red/theirs/7.png",) and found.missing == (f"red/{MODEL}/1.png",)
    assert isinstance(found.pictures(ITEMS[0])[0], ShownPicture)
    (tmp_path / "red" / "ours").mkdir()
    (tmp_path / "red" / "ours" / "1.png").write_bytes(EVERY["1", 0])
    with pytest.raises(ValueError, match="holds pictures of ours and theirs: expected one model"):
        content_of(OF_MODELS, ITEMS, tmp_path)
