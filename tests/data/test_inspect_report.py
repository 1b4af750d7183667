"""The page of an inspection."""

import re
from pathlib import Path

import numpy as np
import pytest

from irg.core.trace import Trace, Turn
from irg.data.formats import Format, open_source
from irg.data.inspect import Inspecting, inspect
from irg.data.inspect_report import page, read_examples
from irg.data.learning import Mode
from irg.data.prepare import Preparer
from irg.data.source import Fault, Source
from irg.data.traces import TraceStore, TraceWriter
from irg.model.checkpoint import CheckpointFolder
from irg.model.config import read_config
from irg.pipeline import Settings
from irg.prep import Tokenizer
from tests.data.broken import picture, trace, write_broken
from tests.report.reading import Page

RNG = np.random.default_rng(0)
UNTRUSTED = "<script>alert('&')</script>"


@pytest.fixture(scope="module")
def preparer() -> Preparer:
    """Measures as the embedded model does."""
    folder = CheckpointFolder.find().path
    settings = Settings.from_folder(folder)
    clean, view = settings.clean, settings.view
    return Preparer(read_config(folder), Tokenizer.from_folder(folder), clean, view)


def store(folder: Path, *traces: Trace) -> TraceStore:
    with TraceWriter(folder, rows_per_group=3) as writer:
        for one in traces:
            writer.write(one)
    return TraceStore(folder)


def shown(source: Source, preparer: Preparer, per_mode: int, decode: bool = True) -> str:
    found = inspect(source, Inspecting(preparer, decode=decode))
    return page(found, read_examples(source, found, None, per_mode))


def test_the_page_shows_examples_of_each_mode_spread_over_the_rows(
    tmp_path: Path, preparer: Preparer
) -> None:
    source = store(tmp_path, *(trace(index, np.random.default_rng(index)) for index in range(9)))
    html = shown(source, preparer, 3)
    for mode in set(Mode) - {Mode.EDIT}:
        (section,) = re.findall(f'<section class="sheet" id="{mode}">.*?</section>', html, re.DOTALL)
        rows = re.findall(r"row (\d+), [\d,]+ tokens", section)
        assert rows == ["0", "4", "8"]
    assert 'id="edit"' not in html
    (full,) = re.findall(r'id="improving_full">.*?</article>', html, re.DOTALL)
    labels = re.findall(r'<p class="label \w+">(\w+)', full)
    assert labels == ["system", "prompt", "thought", "image", "thought", "image"]
    assert full.count('class="learned"') == 2 and full.count("seen as latents and patches") == 1
    assert full.count("data:image/webp;base64,") == 2


def test_the_page_loads_nothing_and_escapes_everything(tmp_path: Path, preparer: Preparer) -> None:
    turns = tuple(Turn(UNTRUSTED, picture(RNG)) for _ in range(2))
    hostile = Trace(UNTRUSTED, turns, 0, system_prompt=UNTRUSTED, questions=((UNTRUSTED, UNTRUSTED),))
    html = shown(store(tmp_path / UNTRUSTED.replace("/", ""), hostile), preparer, 1)
    assert Page(html).said.count(UNTRUSTED) > 10
    assert "<script" not in html and html.count("&lt;script&gt;") > 10
    assert "http" not in re.sub(r"http-equiv", "", html)
    assert set(re.findall(r'src="(.{5})', html)) == {"data:"}


def test_the_page_lists_rejected_rows_and_says_where_the_others_are(
    tmp_path: Path, preparer: Preparer
) -> None:
    write_broken(tmp_path / "data", 200, np.random.default_rng(2), Format.CONVERSATION)
    html = shown(open_source(tmp_path / "data"), preparer, 1)
    assert "<b>1</b> unknown role" in html and "conversation[0].role is &#39;tool&#39;" in html
    many = tmp_path / "many"
    many.mkdir()
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"conversation": ["["] * 50}), many / "rows.parquet")
    html = shown(open_source(many), preparer, 1)
    assert "<b>50</b> bad JSON" in html and "and 30 more: rejected.jsonl has all" in html


def test_examples_that_turn_out_broken_are_left_away(tmp_path: Path, preparer: Preparer) -> None:
    expected = write_broken(tmp_path / "data", 200, np.random.default_rng(2), Format.CONVERSATION)
    html = shown(open_source(tmp_path / "data"), preparer, 200, decode=False)
    assert html.count("<article>") == 200 - 10 + 1  # of the broken ones, that which is only too long stays
    assert len(expected[Fault.BROKEN_IMAGE]) == 1 and "(not decoded)" in html
