"""Where the command line writes."""

from irg.cli.options import Telling
from irg.terminal import err, out


def test_progress_goes_where_no_result_does() -> None:
    assert Telling(quiet=False, as_json=False).console is out
    assert Telling(quiet=False, as_json=True).console is err
    assert Telling(quiet=True, as_json=True).console.quiet and not out.quiet
