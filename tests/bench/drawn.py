"""Runs of the small benchmark whose pictures somebody else made."""

from pathlib import Path

from irg.bench.items import Item
from irg.bench.pictures import ShownPicture
from irg.bench.session import BenchSession, looking_in
from irg.bench.sources import official_files
from irg.bench.tree import write_tree
from tests.bench.small import BLUE, COLOURS, ITEMS, RED


def made_run(folder: Path, *turns: str) -> Path:
    """In every turn a letter for each item: both its pictures are r(ed) or b(lue), or are not there (-)."""

    def look(item: Item, turn: int) -> dict[int, ShownPicture | str]:
        letter = turns[turn - 1][ITEMS.index(item)]
        found = {"r": ShownPicture(RED), "b": ShownPicture(BLUE)}.get(letter, "no picture")
        return dict.fromkeys((0, 1), found)

    trees = folder.with_name(f"{folder.name}-trees")
    for turn in range(1, len(turns) + 1):
        write_tree(COLOURS.tree, ITEMS, look, turn, trees / f"turn{turn}")
    folder.mkdir()
    session = BenchSession.prepared(COLOURS, official_files(COLOURS, folder), folder)
    run, found = session.begin_trees(trees, "theirs")
    session.score(run, looking_in(found))
    return folder
