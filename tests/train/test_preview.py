from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from numpy.random import default_rng

from irg.core import pack
from irg.core.trace import Trace, Turn
from irg.data.compose import Composer, Dropout, Noising
from irg.data.formats import Format
from irg.data.learning import Mode, document
from irg.data.prepare import Preparer
from irg.data.source import Fault
from irg.model import bagel_7b
from irg.pipeline import Settings
from irg.prep import Resize
from irg.run.flops import RowCounts
from irg.run.parallel import joined
from irg.train.preview import Section, _mean, _shape, _typical, describe_run
from irg.train.settings import TrainRecipe
from irg.train.unified import run_of
from tests.data.broken import picture, trace, words, write_broken
from tests.data.small import config, random_autoencoder, tokenizer
from tests.train.runs import batch, recipe

SIZE = Resize(32, 32, 16)


def plan_of(recipe: TrainRecipe, world: int = 1) -> tuple[dict[str, list[tuple[str, ...]]], list[str]]:
    """The tables of a plan by the first word of their titles, and the notes."""
    parts = list(describe_run(recipe, world))
    tables = {one.title.split()[0]: one.rows for one in parts if isinstance(one, Section)}
    return tables, [one for one in parts if isinstance(one, str)]


def count(tables: dict[str, list[tuple[str, ...]]], name: str) -> int:
    return int(dict(tables["plan"])[name].replace(",", ""))  # type: ignore[arg-type]


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("mode", Mode)
def test_the_shape_of_a_document_is_that_of_the_row_that_it_makes(mode: Mode, copies: int) -> None:
    random = default_rng(0)
    shown = trace(1, random)
    if mode is Mode.EDIT:
        shown = Trace("now blue", (Turn(words(random), picture(random)),), 1, source=picture(random))
    preparer, noising = Preparer(config(), tokenizer(), SIZE, SIZE), Noising(copies=copies)
    made = document(shown, mode, "Draw.")
    composer = Composer(config(), random_autoencoder(), noising, Dropout())
    packed = pack(composer([preparer(made, 0)]), tokenizer().special)
    assert _shape(made, preparer, copies) == RowCounts.of(packed)


def test_a_mean_is_of_each_count() -> None:
    shapes = [RowCounts(1, 2, 3, 4, 5, 6, 7), RowCounts(11, 0, 1, 0, 5, 1, 0)]
    assert _mean(shapes, 2) == RowCounts(6, 1, 2, 2, 5, 4, 4)
    assert _mean([], 3) == RowCounts()


def test_the_plan_is_that_of_the_steps_that_a_run_takes(
    beginning: Path, traces: Path, tmp_path: Path
) -> None:
    """Of the rows that are packed: with as many tokens and documents as the plan says."""
    chosen = recipe(beginning, traces, tmp_path, batch=batch(accumulate=2), dropout={}, freeze=["vision"])
    tables, notes = plan_of(chosen)
    assert tables["data"] and all(row[1:] == ("23", "none") for row in tables["data"]) and not notes
    assert [path.name for path in tmp_path.iterdir()] == ["lengths"], "nothing is trained"
    with joined("cpu") as layout:
        running = run_of(chosen, layout)
        steps = [step for step, _ in zip(running.feed, range(8), strict=False)]
        packed = [one for step in steps for one in running.objective.forwards(step.rows)]
    rows = [row for step in steps for row in step.rows]
    assert len(packed) == 16
    documents, tokens = sum(map(len, rows)), sum(one.packed.num_tokens for one in packed)
    assert count(tables, "samples per step") == pytest.approx(documents / 8, abs=1)
    assert count(tables, "tokens per step") == pytest.approx(tokens / 8, abs=2)
    network = running.objective.network
    trained = sum(one.numel() for one in network.parameters() if one.requires_grad)
    assert count(tables, "parameters trained") == trained


def test_more_processes_have_more_rows_where_the_batch_is_scaled(
    beginning: Path, traces: Path, tmp_path: Path
) -> None:
    def tokens(world: int, **changes: Any) -> int:
        return count(plan_of(recipe(beginning, traces, tmp_path, **changes), world)[0], "tokens per step")

    one = tokens(1)
    assert tokens(2) == pytest.approx(one, rel=0.02)
    assert tokens(3, global_batch="scaled") == pytest.approx(3 * one, rel=0.1)


def test_broken_rows_are_counted_by_reason(beginning: Path, tmp_path: Path) -> None:
    reasons = write_broken(tmp_path / "data", 45, default_rng(0), Format.TRACES)
    data = [{"path": str(tmp_path / "data"), "modes": {"improving_full": 1.0}}]
    ((_, usable, rejected),) = plan_of(recipe(beginning, tmp_path, tmp_path / "out", data=data))[0]["data"]
    known = {reason for reason in reasons if reason is not Fault.BROKEN_IMAGE}
    assert usable == str(45 - len(known))
    assert sorted(rejected.split(", ")) == sorted(f"1 {reason}" for reason in known)


def test_without_the_data_typical_documents_stand_for_it(
    beginning: Path, traces: Path, tmp_path: Path
) -> None:
    data = [{"path": str(tmp_path / "nowhere"), "modes": {"improving_full": 1.0}}]
    tables, notes = plan_of(recipe(beginning, traces, tmp_path, data=data))
    assert notes == ["the data is not there: planned for typical documents"] and "data" not in tables
    assert count(tables, "tokens per step") == pytest.approx(4 * 160, rel=0.05)


def test_typical_rows_fill_the_batch_and_are_the_mean_of_their_modes(
    beginning: Path, traces: Path, tmp_path: Path
) -> None:
    def typical(modes: dict[str, float], **changes: Any) -> tuple[RowCounts, int]:
        data = [{"path": str(traces), "modes": modes}]
        chosen = recipe(beginning, traces, tmp_path, data=data, batch=changes, noising={"copies": 1})
        return _typical(chosen, bagel_7b(), Settings())

    direct, edit = (typical({mode: 1.0}, documents=8)[0] for mode in ("direct", "edit"))
    both, documents = typical({"direct": 1.0, "edit": 3.0}, documents=8)
    pairs = zip(astuple(direct), astuple(edit), strict=True)
    expected = [(one + 3 * other) / 4 for one, other in pairs]
    assert documents == 8 and list(astuple(both)) == pytest.approx(expected, abs=1)
    full, documents = typical({"direct": 1.0}, tokens=40_000, rows=3)
    assert full.tokens == pytest.approx(3 * 40_000, rel=1e-3)
    assert documents == round(3 * 40_000 / (direct.tokens / 8))
