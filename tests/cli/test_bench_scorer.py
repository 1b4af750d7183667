import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irg.bench.geneval.benchmark import GENEVAL
from irg.bench.known import benchmark
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import JudgeOptions, Shown
from irg.bench.remote import RemoteJudge, judge_server
from irg.core.picture import Picture
from irg.world import fulfil, parse, render
from tests.bench.geneval.samples import PROMPTS, write_prompts
from tests.cli.conftest import ENVIRONMENT, Run
from tests.scorers.serving import running


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_process_judges_as_we_would_until_it_is_interrupted() -> None:
    scene = benchmark("scene")
    shown = [
        Shown(item, 1, {0: ShownPicture(Picture.of(Image.fromarray(picture)).data)})
        for item, picture in ((item, drawn(item.prompt)) for item in scene.items(Path())[:4])
    ]
    command = [sys.executable, "-m", "irg", "bench", "scorer", "scene", "--port", "0"]

    def heeding() -> None:  # a shell's background processes ignore interrupts, and so would their children
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True, preexec_fn=heeding
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            remote = RemoteJudge(process.stdout.readline().strip(), "scene", scene.version)
            with scene.judge(JudgeOptions(Path(), Path())) as local:
                ours, theirs = (
                    {one.item.id: [*rows] for one, rows in judge.hear(shown)} for judge in (local, remote)
                )
                assert theirs == ours
                assert remote.identity == local.identity
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert "scene 2 is judged here" in process.stderr.read()
        finally:
            process.kill()


def drawn(prompt: str) -> np.ndarray:
    return render(fulfil(parse(prompt), np.random.default_rng(0)))


def test_pictures_of_anyones_are_scored_by_a_process(run: Run, work: Path) -> None:
    """GenEval whole: its files, a tree that lacks a picture, detector and CLIP behind an address."""
    pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
    from tests.bench.geneval.test_judge import random_judge

    (work / "sources").mkdir()
    write_prompts(work / "sources", PROMPTS[:3])
    rng = np.random.default_rng(0)
    for number in range(3):
        folder = work / "pictures" / f"{number:05d}" / "samples"
        folder.mkdir(parents=True)
        (folder.parent / "metadata.jsonl").write_text(json.dumps(PROMPTS[number]))
        for sample in range(4 if number else 3):
            patches = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            patches.resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{sample:05d}.png")
    score = ("bench", "score", "pictures", "--benchmark", "geneval", "--sources", "sources", "--out", "found")
    with running(judge_server(GENEVAL, random_judge(), port=0)) as address:
        result = run(*score, "--allow-modified-data", "--judge", f"scorer={address}", "--json")
    assert result.exit_code == 1 and "1 missing: no picture" in words(result.stderr)
    found = json.loads(result.stdout)
    assert (found["benchmark"], found["complete"]) == ("geneval", False)
    figures = {one["name"]: one for one in found["turns"][0]["summaries"][0]["figures"]}
    assert (figures["counting"]["counted"], figures["single_object"]["counted"]) == (4, 3)
    refused = run(*score, "--judge", f"scorer={address}")
    assert refused.exit_code == 2 and "other data" in words(refused.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scene", "--judge", "device=cpu"), "--judge device=...: this judge knows no settings"),
        (("geneval", "--judge", "detector"), "--judge 'detector': expected KEY=VALUE"),
        (("geneval", "--judge", "detector=x y"), "x y is neither a folder nor a hub id"),
        (("no-such",), "no benchmark is called 'no-such'"),
        (("scene", "--host", "256.0.0.1"), "256.0.0.1:8900 cannot be served at"),
    ],
)
def test_what_cannot_be_served_is_told(run: Run, arguments: tuple[str, ...], said: str) -> None:
    refused = run("bench", "scorer", *arguments)
    assert refused.exit_code == 2 and said in words(refused.stderr), refused.stderr
