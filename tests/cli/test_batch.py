"""Many prompts of a file: each its own folder, what is there is skipped."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from irg.core.trace import Trace
from irg.pipeline import Pipeline
from tests.cli.conftest import Run


def names(folder: Path) -> set[str]:
    """Of the episodes: all that is there but the page over them."""
    return {path.name for path in folder.iterdir()} - {"index.html"}


class TestPromptFile:
    @pytest.fixture
    def generate(self, run: Run, scenes_checkpoint: Path):
        def invoke(lines: str, *options: object):
            Path("prompts.txt").write_text(lines)
            fixed = ("--prompts", "prompts.txt", "--out", "many", "--turns", 1, "--model", scenes_checkpoint)
            return run("generate", *fixed, *options)

        return invoke

    def test_every_line_gets_a_folder(self, generate) -> None:
        result = generate("a red circle\n\n  a blue star\n", "--seed", 7)
        assert result.exit_code == 0, result.output
        assert names(Path("many")) == {"0000", "0001"}
        traces = [Trace.load(Path("many") / name) for name in ("0000", "0001")]
        assert [(trace.prompt, trace.seed) for trace in traces] == [("a red circle", 7), ("a blue star", 8)]
        assert "2 made, 0 skipped, 0 failed" in result.stdout

    def test_a_page_shows_them_all_and_is_written_anew(self, generate) -> None:
        generate("a red circle\na dog\n")
        page = Path("many/index.html").read_text()
        assert "prompts.txt" in page and "a red circle" in page and "outside the model" in page
        assert "1 skipped" in generate("a red circle\na blue star\n").stdout
        assert "a blue star" in Path("many/index.html").read_text()
        Path("many/index.html").write_text("mine")
        assert "holds 'index.html', which is no numbered episode" in generate("two hearts\n").stderr
        assert Path("many/index.html").read_text() == "mine"

    def test_what_is_there_is_skipped_and_what_differs_is_drawn_again(self, generate) -> None:
        generate("a red circle\na blue star\n")
        before = [(Path("many") / name / "trace.json").stat().st_mtime_ns for name in ("0000", "0001")]
        result = generate("a red circle\na pink star\ntwo hearts\n")
        after = [(Path("many") / name / "trace.json").stat().st_mtime_ns for name in ("0000", "0001")]
        assert "2 made, 1 skipped, 0 failed" in result.stdout
        assert before[0] == after[0] and before[1] != after[1]
        assert "0 skipped" in generate("a red circle\n", "--points", 4).stdout

    def test_all_begin_with_a_given_picture(self, generate) -> None:
        for name, colour in (("one", "red"), ("other", "blue")):
            Image.new("RGB", (64, 64), colour).save(f"{name}.png")
        with_picture = ("--turns", 2, "--image", "one.png")
        assert "2 made, 0 skipped" in generate("a red circle\na blue star\n", *with_picture).stdout
        traces = [Trace.load(Path("many") / name) for name in ("0000", "0001")]
        assert [[turn.given for turn in trace.turns] for trace in traces] == [[True, False]] * 2
        assert traces[0].turns[0].image.tobytes() == traces[1].turns[0].image.tobytes()
        assert "0 made, 2 skipped" in generate("a red circle\na blue star\n", *with_picture).stdout
        other = generate("a red circle\n", "--turns", 2, "--image", "other.png").stdout
        assert "1 made, 0 skipped" in other, "it is another episode"

    def test_a_half_written_folder_is_drawn_again(self, generate) -> None:
        generate("a red circle\n")
        Path("many/0000/turn1.png").unlink()
        assert "1 made, 0 skipped" in generate("a red circle\n").stdout
        assert Trace.load(Path("many/0000")).prompt == "a red circle"

    def test_a_failed_prompt_is_counted_and_does_not_stop_the_others(self, generate) -> None:
        result = generate("a red circle\na dog\na blue star\n", "--json")
        assert result.exit_code == 1
        content = json.loads(result.stdout)
        assert [Path(episode["folder"]).name for episode in content["made"]] == ["0000", "0002"]
        assert [(failure["number"], failure["prompt"]) for failure in content["failed"]] == [(1, "a dog")]
        assert "outside" in content["failed"][0]["error"]
        assert "failed 0001 'a dog'" in result.stderr
        assert names(Path("many")) == {"0000", "0002"}

    def test_together_and_alone_are_the_same_episodes(self, generate) -> None:
        prompts = "a red circle\na blue star\ntwo hearts\n"
        assert "0000 to 0002: 3 together" in generate(prompts, "--temperature", 0).stdout
        together = [Trace.load(Path("many") / name) for name in ("0000", "0001", "0002")]
        Path("many").rename("together")
        assert "together" not in generate(prompts, "--temperature", 0, "--batch", 1).stdout
        alone = [Trace.load(Path("many") / name) for name in ("0000", "0001", "0002")]
        assert [trace.turns[0].thought for trace in together] == [trace.turns[0].thought for trace in alone]
        for one, other in zip(together, alone, strict=True):
            pixels = (np.asarray(trace.turns[0].image, dtype=int) for trace in (one, other))
            assert abs(np.subtract(*pixels)).max() <= 1
            assert (one.turns[0].verdict is None) is (other.turns[0].verdict is None)

    def test_what_fails_together_is_found_by_itself(self, generate) -> None:
        Path("many/0001").mkdir(parents=True)
        Path("many/0001/thesis.txt").write_text("mine")
        result = generate("a red circle\na blue star\ntwo hearts\n", "--preview-every", 1)
        assert result.exit_code == 1 and "2 made, 0 skipped, 1 failed" in result.stdout
        assert names(Path("many/0001")) == {"thesis.txt"}
        for name in ("0000", "0002"):
            assert names(Path("many") / name / "previews") == {"image1-step0001.png"}

    def test_what_is_too_much_together_is_drawn_one_by_one(
        self, generate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = Pipeline.generate_batch

        def small(self: Pipeline, prompts: list[str], *rest: object) -> object:
            if len(prompts) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return whole(self, prompts, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(Pipeline, "generate_batch", small)
        result = generate("a red circle\na blue star\n")
        assert result.exit_code == 0 and "failed together: out of memory: --batch" in result.stdout
        assert "2 made, 0 skipped, 0 failed" in result.stdout

        def broken(self: Pipeline, *rest: object) -> object:
            raise RuntimeError("a mistake of ours")

        monkeypatch.setattr(Pipeline, "generate_batch", broken)
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            generate("two hearts\nthree hearts\n")

    def test_without_anything_to_draw_no_model_is_loaded(self, run: Run, unloadable: Path) -> None:
        Path("prompts.txt").write_text("a dog\n")
        result = run("generate", "--prompts", "prompts.txt", "--model", unloadable)
        assert result.exit_code == 1 and "failed 0000 'a dog'" in result.stderr
        assert run("generate", "a dog", "--model", unloadable).stderr.count("outside the model's world") == 1
        assert "holds NaN" in run("generate", "a red circle", "--model", unloadable).stderr

    def test_a_folder_with_other_things_is_refused(self, generate) -> None:
        Path("many").mkdir()
        Path("many/thesis.txt").write_text("mine")
        result = generate("a red circle\n")
        assert result.exit_code == 2 and "thesis.txt" in result.stderr
        assert names(Path("many")) == {"thesis.txt"}

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [(b"", "holds no prompts"), (b" \n\n", "holds no prompts"), (b"\xff\xfe", "UTF-8")],
    )
    def test_a_file_without_prompts_is_refused(
        self, run: Run, checkpoint: Path, content: bytes, complaint: str
    ) -> None:
        Path("prompts.txt").write_bytes(content)
        result = run("generate", "--prompts", "prompts.txt", "--model", checkpoint)
        assert result.exit_code == 2 and complaint in result.stderr
        assert not Path("runs").exists()
