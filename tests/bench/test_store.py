from pathlib import Path

import pytest
from PIL import Image

from irg.bench.scene.records import PromptRecord
from irg.bench.store import SeriesStore
from irg.core.trace import png
from tests.bench.scene.made import records

HEADER = {"protocol": "p", "size": (1, 2)}


def test_what_is_added_is_there_for_the_next_process(tmp_path: Path) -> None:
    first, *rest = made = records(4, (0,))
    store = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
    assert not store.has([made[0].key])
    store.add(rest, {"turn1-3": png(Image.new("RGB", (2, 2), "red"))})
    store.add([first], {})
    again = SeriesStore(tmp_path, "model", HEADER, PromptRecord)
    assert again.has(record.key for record in made) and [again.records[record.key] for record in made] == made
    assert again.picture("turn1-3").getpixel((0, 0)) == (255, 0, 0)
    assert again.path.read_text().count("\n") == 1 + len(made)


def test_another_checkpoints_records_are_apart_and_another_runs_refused(tmp_path: Path) -> None:
    SeriesStore(tmp_path, "model", HEADER, PromptRecord).add(records(2, (0,)), {})
    assert not SeriesStore(tmp_path, "base", HEADER, PromptRecord).records
    with pytest.raises(ValueError, match=r"model.jsonl is of another run \(protocol differ\)"):
        SeriesStore(tmp_path, "model", HEADER | {"protocol": "q"}, PromptRecord)
