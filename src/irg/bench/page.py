"""The report: one HTML page and one Markdown table of some runs, beside what others have published."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from irg.bench.changes import Changes, Rate, changes_of
from irg.bench.columns import Column, ReportSection, sections_of
from irg.bench.figures import difference
from irg.bench.gallery import SHOWN, gallery_of
from irg.bench.pictures import Look
from irg.bench.protocol import BASE_TURN, Benchmark, Figure, Summary, judge_name
from irg.bench.published import PUBLISHED, PublishedRow
from irg.bench.runs import BenchRun
from irg.bench.session import look_of
from irg.bench.tree import NoPicturesError
from irg.core.files import write_atomically
from irg.report.markdown import table
from irg.report.page import Heading, plural, render

KIND = "benchmark report"
PAGE, TABLE = "index.html", "table.md"
_MARK = " (published)"
Cell = Callable[[Figure | None, Benchmark], str]


def write_report(folders: Sequence[Path], out: Path, shown: int = SHOWN) -> list[Path]:
    """Write `index.html` and `table.md` of the runs in these folders, with so many pictures of each."""
    sections = sections_of(folders)
    written = {PAGE: page(sections, shown), TABLE: markdown(sections)}
    for name, content in written.items():
        write_atomically(out / name, content)
    return [out / name for name in written]


def page(sections: Sequence[ReportSection], shown: int = SHOWN) -> str:
    names = list(dict.fromkeys(section.benchmark.name for section in sections))
    runs = [judged.run for section in sections for judged in section.judged]
    models = dict.fromkeys(str(run.about["model"].get("name")) for run in runs)
    facts = (plural(len(runs), "run"), *models, *_warnings(sections))
    content = {"sections": [_section(section, number, shown) for number, section in enumerate(sections)]}
    return render("bench/page.html", Heading("benchmarks", ", ".join(names), facts), content)


def markdown(sections: Sequence[ReportSection]) -> str:
    """The main tables alone, a row for each headline and category, with what they are of."""
    parts = []
    for section in sections:
        parts.append(f"## {section.benchmark.name}\n\n{'; '.join(_facts(section))}")
        for variant, head, rows in _tables(section, _plain):
            parts.append(f"### {variant}\n\n{table(head, rows)}")
        if others := _published_rows(section):
            parts.append(table(["published", "values", "judge", "source"], others))
        if missing := _missing(section):
            parts.append(table(["incomplete", "missing", "why"], [list(map(str, row)) for row in missing]))
    return "\n\n".join(parts) + "\n"


def _section(section: ReportSection, number: int, shown: int) -> dict[str, Any]:
    return {
        "name": section.benchmark.name,
        "words": section.benchmark.words,
        "facts": _facts(section),
        "tables": [
            {"variant": variant, "head": list(map(_head, head)), "rows": rows}
            for variant, head, rows in _tables(section, _marked)
        ],
        "published": _published_rows(section),
        "differences": [_difference(*pair, section.benchmark) for pair in _pairs(section)],
        "changes": [_changed(one) for one in _changes(section)],
        "budgets": list(_budgets(section)),
        "missing": _missing(section),
        "protocol": _protocol(section),
        "galleries": [
            gallery_of(f"gallery{number}-{place}", judged, _look(judged.run, section.benchmark), shown)
            for place, judged in enumerate(section.judged)
        ],
    }


def _look(run: BenchRun, benchmark: Benchmark) -> Look:
    """The pictures of a run; none of one whose trees are not any more where they were judged."""
    try:
        return look_of(run, benchmark)
    except NoPicturesError:
        return lambda item, turn: {}


def _facts(section: ReportSection) -> list[str]:
    facts = [
        f"version {section.benchmark.version}",
        plural(len(section.items), "prompt"),
        f"judge: {judge_name(section.judge)}",
    ]
    return facts + _warnings([section])


def _warnings(sections: Sequence[ReportSection]) -> list[str]:
    found = []
    if any(column.is_partial for section in sections for column in section.columns):
        found.append("partial: some of the prompts only")
    if any(section.sources["modified"] for section in sections):
        found.append("modified data")
    if any(_missing(section) for section in sections):
        found.append("incomplete")
    return found


def _tables(section: ReportSection, cell: Cell) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    """For each variant its headline and its categories, by column, with what was published of it."""
    for place, variant in enumerate(section.variants):
        summaries = [column.summaries[place] for column in section.columns]
        others = _published(section, variant)
        head = [
            "",
            *(column.title for column in section.columns),
            *(f"{one.name}{_MARK}" for one in others),
        ]
        headline = [cell(summary.headline, section.benchmark) for summary in summaries]
        title = section.benchmark.title(variant)
        rows: list[list[Any]] = [[title, *headline, *(one.values[variant] for one in others)]]
        for name in dict.fromkeys(figure.name for summary in summaries for figure in summary.figures):
            figures = [_figure(summary, name) for summary in summaries]
            rows.append([name, *(cell(one, section.benchmark) for one in figures), *[""] * len(others)])
        yield title, head, rows


def _head(name: str) -> str:
    """Of a published column the mark on a line of its own."""
    return Markup("{}<br>{}").format(name.removesuffix(_MARK), _MARK) if name.endswith(_MARK) else name


def _figure(summary: Summary, name: str) -> Figure | None:
    return next((figure for figure in summary.figures if figure.name == name), None)


def _published(section: ReportSection, variant: str) -> list[PublishedRow]:
    return [one for one in PUBLISHED.get(section.benchmark.name, []) if variant in one.values]


def _published_rows(section: ReportSection) -> list[list[str]]:
    return [
        [one.name, ", ".join(f"{name} {value}" for name, value in one.values.items()), one.judge, one.source]
        for one in PUBLISHED.get(section.benchmark.name, [])
    ]


def _marked(figure: Figure | None, benchmark: Benchmark) -> str:
    if figure is None or figure.value is None:
        return "-" if figure is None else f"- (0 of {figure.expected:,})"
    cell = '<b>{}</b> <span class="range">{}</span>'
    return Markup(cell).format(_number(figure.value, benchmark), _beside(figure, benchmark))


def _plain(figure: Figure | None, benchmark: Benchmark) -> str:
    if figure is None or figure.value is None:
        return "-"
    return f"{_number(figure.value, benchmark)} ({_beside(figure, benchmark)})"


def _beside(figure: Figure, benchmark: Benchmark) -> str:
    """The interval, and of how many, which is told in full where some are missing."""
    count = f"n {figure.counted:,}" + (f" of {figure.expected:,}" if figure.counted < figure.expected else "")
    if figure.interval is None:
        return count
    low, high = (_number(end, benchmark) for end in figure.interval)
    return f"{low} to {high}, {count}"


def _number(value: float, benchmark: Benchmark, sign: str = "") -> str:
    return f"{value * benchmark.scale:{sign}.{benchmark.digits}f}"


def _pairs(section: ReportSection) -> Iterator[tuple[Column, Column]]:
    """(later or other, than): the turns of each run one after another, its last with its first, and all turns
    of other runs with the last of the first run."""
    runs = [[one for one in section.columns if one.judged is judged] for judged in section.judged]
    for ours in runs:
        yield from ((after, before) for before, after in pairwise(ours))
        if len(ours) > 2:
            yield ours[-1], ours[0]
    yield from ((column, runs[0][-1]) for ours in runs[1:] for column in ours)


def _difference(better: Column, than: Column, benchmark: Benchmark) -> list[str]:
    row = [f"{better.title} - {than.title}"]
    for first, second in zip(better.summaries, than.summaries, strict=True):
        found = difference(first, second)
        if found is None or found.value is None:
            row.append("-")
            continue
        text = f"{_number(found.value, benchmark, '+')}"
        if found.interval is not None:
            low, high = (_number(end, benchmark, "+") for end in found.interval)
            text = f"{text} ({low} to {high})"
            if found.interval[0] > 0 or found.interval[1] < 0:
                text = Markup("<b>{}</b>").format(text)
        row.append(text)
    return row


def _changes(section: ReportSection) -> Iterator[Changes]:
    """Of each variant from each turn with a thought to the next, and from the first of them to the last."""
    titles = _variant_titles(section)
    for judged in section.judged:
        ours = [column for column in section.columns if column.judged is judged and column.turn != BASE_TURN]
        steps = list(pairwise(ours))
        if len(ours) > 2:
            steps.append((ours[0], ours[-1]))
        for before, after in steps:
            for title, *summaries in zip(titles, before.summaries, after.summaries, strict=True):
                yield changes_of((f"{title}{before.title}", summaries[0]), (after.title, summaries[1]))


def _variant_titles(section: ReportSection) -> list[str]:
    """What stands before what is said of a variant: nothing where there is but one."""
    return [f"{variant}: " if len(section.variants) > 1 else "" for variant in section.variants]


def _changed(one: Changes) -> list[str]:
    words = ("got better", "got worse") if one.is_graded else ("mended", "broken")
    cells = [
        f"{_share(rate)} {word}: {rate.count:,} of {rate.of:,}{_range(rate)}"
        for rate, word in zip((one.repaired, one.damaged), words, strict=True)
    ]
    return [f"{one.before} to {one.after}", *cells]


def _share(rate: Rate) -> str:
    return "none" if rate.share is None else f"{rate.share:.0%}"


def _range(rate: Rate) -> str:
    low, high = rate.interval
    return f" ({low:.0%} to {high:.0%})" if rate.of else ""


def _budgets(section: ReportSection) -> Iterator[list[Any]]:
    """What a picture took by the end of a turn, and what it came to."""
    for column in section.columns:
        cost = column.judged.costs.get(column.turn)
        if cost is not None:
            headlines = [_marked(summary.headline, section.benchmark) for summary in column.summaries]
            turns = max(column.turn, 1)
            yield [column.title, turns, cost.evaluations, cost.tokens, f"{cost.seconds:.1f}", *headlines]


def _missing(section: ReportSection) -> list[list[Any]]:
    """By column what is missing and why; of several variants that lack the same, once."""
    rows = []
    for column in section.columns:
        lacking = [summary.missing for summary in column.summaries]
        is_one = all(one == lacking[0] for one in lacking)
        for title, missing in zip(_variant_titles(section), lacking[:1] if is_one else lacking, strict=False):
            name = column.title if is_one else f"{title}{column.title}"
            rows += [[name, count, reason] for reason, count in missing.items()]
    return rows


def _protocol(section: ReportSection) -> list[list[str]]:
    """All that decides on the numbers, as names and values."""
    rows = [["benchmark", f"{section.benchmark.name}, version {section.benchmark.version}"]]
    rows += [[f"judge's {name}", _short(value)] for name, value in section.judge.items()]
    rows += [[f"sha256 of {path}", digest] for path, digest in section.sources["hashes"].items()]
    rows += [["modified", path] for path in section.sources["modified"]]
    for judged in section.judged:
        about = judged.run.about
        name = judged.run.folder.resolve().name
        items = about["items"]
        rows.append(
            [f"{name}: prompts", f"{items['count']:,} of {items['of']:,}, hash {items['fingerprint']}"]
        )
        rows += [[f"{name}: {what}", _short(about["model"][what])] for what in sorted(about["model"])]
        rows.append(
            [f"{name}: mode and seed", f"{about['mode']}, {about['deciding'].get('seed', 'not ours')}"]
        )
        answered = Counter(
            _short(row.judge) for one in judged.heard.values() for row in one.rows if row.judge
        )
        rows += [[f"{name}: answered as", f"{said}, {count:,} times"] for said, count in answered.items()]
        rows.append([f"{name}: made", f"{about['date']} by irg {about['irg']}"])
    return rows


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
