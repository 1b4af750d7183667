"""Whatever a user gets wrong: one clear message, exit code 2, and nothing left behind."""

import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import ENVIRONMENT, SMALL, Run


@pytest.mark.parametrize(
    "command", [("generate", "dog"), ("ask", "in.png", "what?"), ("edit", "in.png", "blue")]
)
class TestCheckpoints:
    @pytest.fixture(autouse=True)
    def picture(self, work: Path, run: Run) -> None:
        Image.new("RGB", (64, 64)).save(work / "in.png")

    def test_a_folder_that_is_none(self, refuse, command: tuple[str, ...], work: Path) -> None:
        assert "is not a checkpoint folder" in refuse(*command, "--model", work)

    def test_neither_folder_nor_hub_id(self, refuse, command: tuple[str, ...]) -> None:
        assert "nowhere/at/all is neither a folder nor a hub id" in refuse(
            *command, "--model", "nowhere/at/all"
        )

    def test_truncated_weights(
        self, refuse, command: tuple[str, ...], checkpoint: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(checkpoint, tmp_path / "cut")
        with (tmp_path / "cut" / "ema.safetensors").open("r+b") as file:
            file.truncate(200_000)
        assert "ema.safetensors is not a whole safetensors file" in refuse(
            *command, "--model", tmp_path / "cut"
        )

    def test_a_device_that_is_not_there(self, refuse, command: tuple[str, ...], checkpoint: Path) -> None:
        assert "device 'abacus'" in refuse(*command, "--model", checkpoint, "--device", "abacus")


def picture_of(mode: str, width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, format="PNG")
    return buffer.getvalue()


def png_of_no_pixels() -> bytes:
    """A PNG file that is whole, but 0 x 0 pixels large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("command", [("ask",), ("edit", "--out", "x")])
class TestPictures:
    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (b"", "is empty"),
            (b"not a picture", "is not a picture"),
            (png_of_no_pixels(), "picture.png"),
            (picture_of("1", 10_000, 10_000), "too large"),
            (picture_of("RGB", 640, 480)[:600], "broken picture"),
        ],
        ids=["empty", "text", "0 pixels", "100 megapixels", "cut off"],
    )
    def test_a_bad_file(
        self, refuse, command: tuple[str, ...], checkpoint: Path, work: Path, content: bytes, complaint: str
    ) -> None:
        (work / "picture.png").write_bytes(content)
        assert complaint in refuse(*command, "picture.png", "what?", "--model", checkpoint)

    def test_a_file_that_is_not_there(self, refuse, command: tuple[str, ...], checkpoint: Path) -> None:
        assert "gone.png: no such file" in refuse(*command, "gone.png", "what?", "--model", checkpoint)

    def test_an_empty_text(self, refuse, command: tuple[str, ...], checkpoint: Path, work: Path) -> None:
        Image.new("RGB", (64, 64)).save(work / "in.png")
        assert "is empty" in refuse(*command, "in.png", " ", "--model", checkpoint)


class TestPrompts:
    @pytest.mark.parametrize("prompt", ["", " \n\t"])
    @pytest.mark.parametrize("options", [(), ("--out", "x")])
    def test_empty(self, refuse, prompt: str, options: tuple[str, ...], checkpoint: Path) -> None:
        assert "the prompt is empty" in refuse("generate", prompt, "--model", checkpoint, *options)

    def test_not_text(self, refuse, checkpoint: Path) -> None:
        assert "not valid UTF-8" in refuse("generate", "dog \udcff", "--model", checkpoint)

    def test_50_000_tokens(self, refuse, checkpoint: Path) -> None:
        message = refuse("generate", "x " * 25_000, "--model", checkpoint, *SMALL)
        assert "this model takes up to 4096" in message and len(message) < 200

    def test_50_000_tokens_for_the_scene_world(self, refuse, scenes_checkpoint: Path) -> None:
        message = refuse("generate", "a red circle and " * 12_500, "--model", scenes_checkpoint)
        assert "The prompt has 212,500 characters" in message and len(message) < 1000

    def test_outside_the_world(self, refuse, scenes_checkpoint: Path) -> None:
        assert "outside the model's world" in refuse("generate", "a dog", "--model", scenes_checkpoint)

    def test_none_or_two(self, refuse, checkpoint: Path) -> None:
        assert "give either" in refuse("generate", "--model", checkpoint)
        assert "give either" in refuse("generate", "dog", "--prompts", "file", "--model", checkpoint)

    def test_a_file_that_is_not_there(self, refuse, checkpoint: Path) -> None:
        assert "gone.txt: No such file" in refuse("generate", "--prompts", "gone.txt", "--model", checkpoint)


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            ("--unknown", "1"),
            ("--seed", "abc"),
            ("--seed", "-1"),
            ("--seed", str(2**70)),
            ("--turns", "0"),
            ("--points", "1"),
            ("--temperature", "-1"),
            ("--temperature", "nan"),
            ("--dtype", "int3"),
            ("--width", "0"),
            ("--width", "65"),
            ("--height", "100000"),
        ],
        ids=" ".join,
    )
    def test_a_bad_value(self, refuse, options: tuple[str, ...], checkpoint: Path) -> None:
        message = refuse("generate", "dog", *options, "--model", checkpoint)
        assert options[0].strip("-") in message or options[1] in message

    def test_an_unknown_command(self, refuse) -> None:
        assert "No such command" in refuse("destroy")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_leaves_nothing(checkpoint: Path, work: Path) -> None:
    options = ("--temperature", "3", "--max-thought-tokens", "1000000", "--model", str(checkpoint))
    command = (sys.executable, "-u", "-m", "irg", "generate", "dog", *options)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

    def listen() -> None:  # what a shell starts in the background ignores Ctrl-C, and so do these tests there
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(command, cwd=work, env=ENVIRONMENT, preexec_fn=listen, **pipes) as process:
        try:
            assert process.stdout is not None
            assert "thought" in process.stdout.readline()
            assert list((work / "runs").glob("dog-0-*"))
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "interrupted" in stderr and "Traceback" not in stderr
    assert not any(work.iterdir())
