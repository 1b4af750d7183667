"""The folder of an episode: checked before anything costs time, left clean after a failure."""

from pathlib import Path

import pytest
from PIL import Image

from irg.cli.output import EpisodeFolder
from irg.core.trace import Trace, Turn
from irg.pipeline.report import save_episode


class TestOutput:
    def test_a_folder_of_somebody_else(self, refuse, checkpoint: Path, work: Path) -> None:
        (work / "mine").mkdir()
        (work / "mine" / "thesis.txt").write_text("words")
        assert "mine holds 'thesis.txt' and no episode" in refuse(
            "generate", "dog", "--out", "mine", "--model", checkpoint
        )

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("trace.json", '{"traceEvents": []}'),
            ("trace.json", "[]"),
            ("index.html", "<h1>My page</h1>"),
            ("turn1.png", "mine"),
        ],
    )
    def test_files_that_are_called_like_ours(
        self, refuse, checkpoint: Path, work: Path, name: str, content: str
    ) -> None:
        (work / "mine").mkdir()
        (work / "mine" / name).write_text(content)
        said = refuse("generate", "dog", "--out", "mine", "--model", checkpoint)
        assert f"mine holds '{name}' and no episode" in said
        assert [(path.name, path.read_text()) for path in (work / "mine").iterdir()] == [(name, content)]

    def test_an_episode_without_a_marker_is_one(self, tmp_path: Path) -> None:
        save_episode(Trace("dog", (Turn(None, Image.new("RGB", (8, 8))),), seed=0), tmp_path)
        (tmp_path / "notes.txt").write_text("mine")
        with EpisodeFolder(tmp_path) as folder, pytest.raises(ValueError, match="another run is at work"):
            EpisodeFolder(folder.folder).__enter__()
        with EpisodeFolder(tmp_path):
            (tmp_path / "trace.json").unlink()  # broken off: the marker says what it was
        with EpisodeFolder(tmp_path):
            assert (tmp_path / "notes.txt").exists()

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
