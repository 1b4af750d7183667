"""The command line. Nothing heavy is imported before a command runs, so that `irg --help` is instant."""

import io
import sys
import warnings


def main() -> None:
    """The `irg` command."""
    # Such pictures are refused, which says all there is to say.
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of another encoding shows what it can
    try:
        from irg.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
