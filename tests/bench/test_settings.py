from pathlib import Path

import pytest

from irg.bench.protocol import JudgeOptions
from irg.bench.settings import read_settings


def test_a_setting_that_nobody_reads_is_refused() -> None:
    options = JudgeOptions(Path(), Path(), {"device": "cpu"})
    assert read_settings(options, "clip", "device") == {"device": "cpu"}
    with pytest.raises(ValueError, match=r"--judge device=\.\.\.: this judge knows clip"):
        read_settings(options, "clip")
    with pytest.raises(ValueError, match="this judge knows no settings"):
        read_settings(options)
