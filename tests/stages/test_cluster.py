"""The cluster that a run works on."""

import sys

import pytest

from irg.stages.cluster import Cluster

CLUSTER = Cluster("local")


@pytest.mark.parametrize("arguments", [{"address": ""}, {"workers": 0}, {"shards": 0}])
def test_refuses_what_is_no_cluster(arguments: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        Cluster(**{"address": "local", **arguments})


def test_says_what_to_install_where_there_is_no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'irg\[curate\]'"), CLUSTER.connected():
        raise AssertionError("it connected")
