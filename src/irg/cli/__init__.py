"""The command line. Nothing heavy is imported before a command runs, so that `irg --help` is instant."""

import sys


def main() -> None:
    """The `irg` command."""
    try:
        from irg.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
