"""What a user says of a judge: every word of it is read by somebody, or refused."""

from collections.abc import Mapping

from irg.bench.protocol import JudgeOptions


def read_settings(options: JudgeOptions, *known: str) -> Mapping[str, str]:
    """The settings of a judge. Raises ValueError for one that it does not know."""
    for name in options.settings:
        if name not in known:
            raise ValueError(f"--judge {name}=...: this judge knows {', '.join(known) or 'no settings'}")
    return options.settings
