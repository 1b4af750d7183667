from irg.report.typeset import ELLIPSIS, OTHER_SCRIPT, fit, font, plain

LONG = "A lighthouse at dusk, its lamp lit, waves over black rocks. " * 60


def test_what_fits_is_not_cut() -> None:
    block = fit("one two three", 400, 100, (30, 20))
    assert (block.lines, block.size, block.cut) == (("one two three",), 30, False)


def test_longer_texts_get_smaller_letters_and_then_an_ellipsis() -> None:
    assert fit("word " * 30, 300, 150, (30, 15)).size == 15
    block = fit("word " * 300, 300, 150, (30, 15))
    assert block.cut and block.lines[-1].endswith("word" + ELLIPSIS) and block.height <= 150


def test_no_line_is_too_wide() -> None:
    for line in fit(LONG + "x" * 200, 200, 10_000, (17,)).lines:
        assert font(17).getlength(line) <= 200


def test_accents_are_folded_and_other_scripts_are_named() -> None:
    assert plain("caf\u00e9 \u2014 \u201cna\u00efve\u201d") == "cafe - \u201cnaive\u201d"
    assert plain("\u753b\u4e00\u53ea\u732b") == OTHER_SCRIPT
    assert plain("a cat called \u732b") == "a cat called ?"
