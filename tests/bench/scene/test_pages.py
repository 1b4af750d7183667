from irg.bench.scene.comparison import CompareOptions
from irg.bench.scene.conditions import short_title, title
from irg.bench.scene.pages import page
from irg.bench.scene.results import summarise
from tests.bench.scene.made import EVERY, HEAD, TURNS, found

RESULTS = summarise(found(), CompareOptions(24, (0, 1), TURNS, resamples=1000), HEAD)


def rows(text: str) -> list[list[str]]:
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]


def test_tables_are_whole() -> None:
    """Every row of a table has as many cells as its head."""
    table: list[list[str]] = []
    for line in [*page(RESULTS).splitlines(), ""]:
        if line.startswith("|"):
            table.append(line.strip("|").split("|"))
        elif table:
            assert len({len(row) for row in table}) == 1 and len(table) > 2, table
            assert set(table[1]) == {" --- "}
            table = []


def test_every_condition_and_its_score_are_on_the_page() -> None:
    shown: dict[str, list[list[str]]] = {}
    for row in rows(page(RESULTS)):
        if len(row) > 8:
            shown.setdefault(row[0].strip(), []).append(row)
    for name in EVERY:
        one = next(one for one in RESULTS["conditions"] if one["name"] == name)
        first = shown[title(name)][0]
        assert (first[1].strip(), first[2].strip()) == (
            str(one["count"]),
            f"**{one['score']['overall']['value']:.3f}**",
        )
    # Where the few are compared, turn 2 has its score among them.
    among_few = next(one for one in RESULTS["conditions"] if one["name"] == "turn2")["few"]["score"][
        "overall"
    ]
    counts = [row[1].strip() for row in shown["turn 2"]]
    assert counts == ["48", "48", "12", "12"]
    assert shown["turn 2"][2][2].strip() == f"**{among_few['value']:.3f}**"


def test_differences_that_leave_out_zero_are_bold() -> None:
    section = page(RESULTS).partition("## Differences")[2].partition("by family:")[0]
    shown = {row[0].strip(): row[1] for row in rows(section) if " - " in row[0]}
    assert len(shown) == len(RESULTS["differences"])
    for one in RESULTS["differences"]:
        score = one["overall"]["score"]
        text = shown[f"{short_title(one['better'])} - {short_title(one['than'])}"]
        assert f"{score['value']:+.3f}" in text
        assert ("**" in text) == (score["low"] > 0 or score["high"] < 0)


def test_the_checkpoints_are_named() -> None:
    assert "base `b 123`" in page(RESULTS) and "- no stage 1: `o 456`" in page(RESULTS)
    bare = page(RESULTS | {"base": None, "others": {}, "curve": []})
    assert "no base of its own" in bare
    assert "Other checkpoints" not in bare and "Over training" not in bare


def test_names_are_text_and_not_markup() -> None:
    hostile = page(RESULTS | {"model": {"name": "<script>"}, "others": {"a": {"name": "<b>"}}})
    assert "model `&lt;script&gt;`" in hostile and "- a: `&lt;b&gt;`" in hostile
    assert "<script" not in hostile and "<b>" not in hostile


def test_the_curve_has_a_row_for_each_step() -> None:
    table = rows(page(RESULTS).partition("## Over training")[2].partition("##")[0])
    assert [row[0].strip() for row in table] == ["training steps", "---", "100", "2000"]
    assert len({len(row) for row in table}) == 1
