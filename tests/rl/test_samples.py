from PIL import Image

from irg.rl.samples import save_samples
from tests.rl.played import made, play


def test_a_group_is_shown_with_what_each_was_worth() -> None:
    recipe, run = made()
    save_samples(play(run, slots=(0,)).groups, recipe, 7)
    folder = recipe.out / "samples"
    text = (folder / "step-00000007.txt").read_text()
    assert text.splitlines()[0] in ("a red star", "a red circle") and text.count(". worth ") == 3
    with Image.open(folder / "step-00000007.png") as sheet:
        assert sheet.width >= 3 * 32 and sheet.height >= 3 * 32
    save_samples((), recipe, 8)
    assert not (folder / "step-00000008.txt").exists()
