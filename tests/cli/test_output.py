"""The folder of an episode: checked before anything costs time, left clean after a failure."""

from pathlib import Path

import pytest
from PIL import Image

from irg.cli.output import EpisodeFolder


class TestOutput:
    def test_a_folder_of_somebody_else(self, refuse, checkpoint: Path, work: Path) -> None:
        (work / "mine").mkdir()
        (work / "mine" / "thesis.txt").write_text("words")
        assert "mine holds 'thesis.txt' and no episode" in refuse(
            "generate", "dog", "--out", "mine", "--model", checkpoint
        )

    @pytest.mark.parametrize("options", [("dog",), ("--prompts", "file")])
    def test_a_place_that_cannot_be_written(self, refuse, checkpoint: Path, work: Path, options) -> None:
        (work / "file").write_text("words")
        # The checkpoint is no better: that the output is what is complained of shows that it was tried first.
        message = refuse("generate", *options, "--out", "file/below", "--model", work / "nothing")
        assert "cannot write to file/below: Not a directory" in message

    def test_previews_of_a_broken_run_are_taken_away(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), EpisodeFolder(tmp_path / "a" / "b") as folder:
            from irg.core.events import DenoisingStep

            step = DenoisingStep(1, 3, 9, None, Image.new("RGB", (8, 8)))  # type: ignore[arg-type]
            folder.preview(1, step)
            assert (tmp_path / "a" / "b" / "previews" / "image1-step0003.png").exists()
            raise KeyboardInterrupt
        assert not any(tmp_path.iterdir())
