from irg.bench.items import Item
from irg.bench.tree import OfficialTree, PictureFile


def test_a_tree_is_data() -> None:
    tree = OfficialTree(lambda item: [PictureFile(item.id)], r"\d+")
    assert tree.files(Item("7", "red", (1,))) == [PictureFile("7", (0,))]
    assert tree.suffixes == (".png",) and tree.texts([]) == {}
