"""Many prompts of a file: each its own folder, what is there is skipped."""

import json
from pathlib import Path

import pytest

from irg.core.trace import Trace
from tests.cli.conftest import Run


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


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

    def test_what_is_there_is_skipped_and_what_differs_is_drawn_again(self, generate) -> None:
        generate("a red circle\na blue star\n")
        before = [(Path("many") / name / "trace.json").stat().st_mtime_ns for name in ("0000", "0001")]
        result = generate("a red circle\na pink star\ntwo hearts\n")
        after = [(Path("many") / name / "trace.json").stat().st_mtime_ns for name in ("0000", "0001")]
        assert "2 made, 1 skipped, 0 failed" in result.stdout
        assert before[0] == after[0] and before[1] != after[1]
        assert "0 skipped" in generate("a red circle\n", "--points", 4).stdout

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
