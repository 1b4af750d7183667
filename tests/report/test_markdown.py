from irg.report.markdown import table


def test_nothing_in_a_cell_ends_it() -> None:
    assert table(["a", "b"], [["x|y\nz", "<b>"]]) == "| a | b |\n| --- | --- |\n| x\\|y z | &lt;b> |"
