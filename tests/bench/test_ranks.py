import os
import socket
import subprocess
import sys
from pathlib import Path

from irg.bench.ranks import Ranks, joined_ranks

_PROGRAM = """
import sys
from pathlib import Path
from irg.bench.ranks import joined_ranks
folder = Path(sys.argv[1])
with joined_ranks() as ranks:
    (folder / str(ranks.rank)).write_text(" ".join(map(str, ranks.share(range(5)))))
    ranks.wait()
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1"], "all have written"
"""


def test_alone_there_is_one_who_does_everything() -> None:
    with joined_ranks() as ranks:
        assert ranks == Ranks(0, 1, 0) and ranks.is_first and ranks.share([1, 2]) == [1, 2]
        ranks.wait()
        assert ranks.device(None) is None and ranks.device("cpu") == "cpu"


def test_processes_take_turns_and_wait_for_one_another(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(tmp_path)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in (0, 1)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert [(tmp_path / name).read_text() for name in "01"] == ["0 2 4", "1 3"]
