"""`irg bench scene --compare`: turns, the base, equal-compute alternatives and ablations side by side."""

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.table import Table

from irg.cli.console import bars
from irg.cli.options import ModelChoice, Telling, option
from irg.terminal import print_json

if TYPE_CHECKING:
    from rich.console import Console

    from irg.bench.scene.comparison import CompareOptions, Contestants, Found
    from irg.bench.scene.items import SceneOptions
    from irg.pipeline.load import NamedCheckpoint

FOLDER = Path("docs/results")
_PANEL = "Comparison"


def _option(said: str, *names: str, **limits: Any) -> Any:
    """An option that only a comparison takes."""
    return option(f"With --compare: {said}", *names, panel=_PANEL, **limits)


@dataclass(frozen=True)
class Contest:
    """Whether to compare, what the model is compared with, how thoroughly, and where records go."""

    compare: Annotated[
        bool,
        option(
            "Compare turns with the base, with what else the compute could buy, and with ablations.",
            "--compare",
            panel=_PANEL,
        ),
    ] = False
    seeds: Annotated[
        str,
        _option(
            "each prompt is drawn with each of these seeds; --seed chooses the prompts.", metavar="'N N ...'"
        ),
    ] = "0 1"
    base: Annotated[
        str | None,
        _option(
            "what the model was trained from; it draws at once and with a thought.", metavar="FOLDER|HUB_ID"
        ),
    ] = None
    also: Annotated[
        list[str] | None,
        _option(
            "another checkpoint to set beside it, such as one trained without a stage.", metavar="NAME=FOLDER"
        ),
    ] = None
    curve: Annotated[
        list[str] | None,
        _option(
            "score against training steps. A checkpoint and its step, or a run's folder or one of "
            "checkpoints named by their steps, which are counted from STEP (default 0).",
            metavar="[STEP=]FOLDER",
        ),
    ] = None
    ablation_prompts: Annotated[
        int, _option("prompts for ablations, later turns and --also, with the first seed.", least=1)
    ] = 300
    curve_prompts: Annotated[
        int, _option("prompts for each point of --curve, with the first seed.", least=1)
    ] = 150
    records: Annotated[
        Path | None,
        _option(
            "folder for what was drawn, from which an interrupted run goes on. Default: records in --out."
        ),
    ] = None
    workers: Annotated[
        int | None,
        _option(
            "processes that draw; the results do not depend on it. Default: one for each core, on a GPU one.",
            least=1,
        ),
    ] = None

    def refuse_options(self) -> None:
        """Raise ValueError for an option that nothing reads without a comparison."""
        for one in fields(self):
            if (value := getattr(self, one.name)) != one.default:
                name = one.name.replace("_", "-")
                raise ValueError(f"--{name} {value!r} is for --compare, which is not given")

    def run(self, choice: ModelChoice, scene: "SceneOptions", out: Path | None, telling: Telling) -> None:
        """Run the comparison, or what is missing of it, and write its tables, plots and contact sheet."""
        from irg.bench.harness import usual_workers
        from irg.bench.scene.comparison import CompareOptions, run
        from irg.core.output import working

        options = CompareOptions(
            scene.prompts,
            seeds_from(self.seeds),
            scene.turns,
            scene.seed,
            scene.batch,
            self.ablation_prompts,
            self.curve_prompts,
        )
        contestants = self._contestants(choice)
        folder = out or FOLDER
        records = self.records or folder / "records"
        kept = working(records, "records", _are_records(records)) if self.records else nullcontext()
        with scored(folder), kept:
            with bars(telling.console) as move:
                found = run(
                    contestants,
                    options,
                    records,
                    self.workers or usual_workers(contestants.model.torch_device),
                    lambda done, total: move("pictures", total, completed=done),
                )
            with telling.console.status("resampling ..."):
                results = _write(contestants, options, found, folder, records)
        if telling.as_json:
            print_json(results)
            return
        _show(results, telling.console)
        telling.console.print(
            f"wrote {folder / 'scene.md'}, with results.json, plots and a contact sheet beside it"
        )

    def _contestants(self, choice: ModelChoice) -> "Contestants":
        """Raises ValueError for what is written wrongly, is not there, or does not know the scene world."""
        from irg.bench.scene.comparison import Contestants

        also = self.also or []
        others = dict(_named(text) for text in also)
        if len(others) < len(also):
            raise ValueError(f"--also {' '.join(also)}: expected different names")

        def checkpoint(name: str | None) -> "NamedCheckpoint":
            other = replace(choice, model=name)
            check_world(other)
            other.check(other.checkpoint.settings.plan())
            return other.checkpoint

        return Contestants(
            checkpoint(choice.model),
            None if self.base is None else checkpoint(self.base),
            {label: checkpoint(name) for label, name in others.items()},
            {step: checkpoint(name) for step, name in curve_from(self.curve or []).items()},
        )


def scored(folder: Path) -> AbstractContextManager[Path]:
    """A folder for the scene benchmark, ours alone. One without a marker is taken where its results say that
    they are such."""
    from irg.core.files import read_json
    from irg.core.output import working

    def says(name: str) -> bool:
        path = folder / name
        return path.is_file() and str(read_json(path).get("protocol")).startswith("irg-scene-")

    return working(folder, "scene benchmark", says("summary.json") or says("results.json"))


def check_world(choice: ModelChoice) -> None:
    if choice.checkpoint.settings.world != "scenes":
        raise ValueError(
            f"model {choice.model!r} does not know the scene world, which this benchmark is about"
        )


def seeds_from(text: str) -> tuple[int, ...]:
    """The seeds in "0 1" or "0,1". Raises ValueError naming what is none."""
    words = [word for word in re.split(r"[\s,]+", text) if word]
    wrong = [word for word in words if not word.isdecimal()]
    if wrong or not words:
        raise ValueError(f"seeds {text!r}: expected numbers of at least 0, such as '0 1'")
    return tuple(map(int, words))


def curve_from(texts: Sequence[str]) -> dict[int, str]:
    """Checkpoints by step: of "STEP=FOLDER" one, or all that the folder holds, their steps counted from STEP
    (0 if it is not given). Raises ValueError for two of one step."""
    from irg.bench.checkpoints import checkpoints_in

    found: dict[int, str] = {}
    for text in texts:
        before, equals, after = text.partition("=")
        first, folder = (int(before), after) if equals and before.isdecimal() else (0, text)
        for step, path in checkpoints_in(Path(folder), first).items():
            if step in found:
                raise ValueError(f"--curve: {found[step]} and {path} are both of step {step}")
            found[step] = str(path)
    return found


def _write(
    contestants: "Contestants", options: "CompareOptions", found: "Found", folder: Path, records: Path
) -> dict[str, Any]:
    from irg.bench.scene.comparison import PROTOCOL, SHEET, write_sheet
    from irg.bench.scene.pages import page
    from irg.bench.scene.plots import draw_plots
    from irg.bench.scene.results import head_of, summarise
    from irg.core.files import write_atomically

    results = summarise(found, options, {"protocol": PROTOCOL} | head_of(contestants))
    write_atomically(folder / "results.json", json.dumps(results, indent=1) + "\n")
    write_atomically(folder / "scene.md", page(results))
    draw_plots(results, folder)
    write_sheet(contestants, options, records, folder / SHEET)
    return results


def _are_records(folder: Path) -> bool:
    """Whether a folder without a marker holds nothing but what was drawn for a comparison."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return all(name == "pictures" or name.endswith(".jsonl") for name in names)


def _named(text: str) -> tuple[str, str]:
    label, equals, name = text.partition("=")
    if not equals or not name or not re.fullmatch(r"[\w. -]+", label):
        raise ValueError(f"--also {text!r}: expected NAME=FOLDER, the name of letters, digits, '.', '-', ' '")
    return label, name


def _show(results: dict[str, Any], console: "Console") -> None:
    from irg.bench.scene.conditions import short_title, turn_name
    from irg.bench.scene.results import OVERALL

    table = Table("", "n", "score", "95% interval", "fidelity", "evaluations", title=results["protocol"])
    for found in results["conditions"]:
        score = found["score"][OVERALL]
        table.add_row(
            found["title"],
            str(found["count"]),
            f"{score['value']:.3f}",
            f"{score['low']:.3f} to {score['high']:.3f}",
            f"{found['fidelity'][OVERALL]['value']:.4f}",
            f"{found['cost']['evaluations']:.0f}",
        )
    console.print(table)
    for found in results["differences"]:
        if found["better"] == turn_name(2):
            score = found[OVERALL]["score"]
            interval = f"{score['low']:+.3f} to {score['high']:+.3f}"
            console.print(f"turn 2 - {short_title(found['than'])}: {score['value']:+.3f} ({interval})")
