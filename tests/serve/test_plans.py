from pathlib import Path

import pytest

from irg.pipeline import Settings
from irg.serve.plans import NamedPlans
from tests.data.small import settings

OWN = "plan: 1\nabout: own\nfirst: [{draw: I, reads: [prompt]}]\n"
SETTINGS = settings(32)


def test_plans_are_those_of_irg_and_those_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN)
    (tmp_path / "irg.yaml").write_text(OWN)
    plans = NamedPlans(tmp_path)
    assert {"mine", "irg", "bagel-t2i"} <= {*plans.files}
    for name in ("mine", "irg"):
        found = plans.find(name, SETTINGS)
        assert found is not None and found.about == "own"
    assert plans.find(None, SETTINGS) is None
    plans.check(SETTINGS)


def test_requests_without_a_plan_go_by_the_servers_or_the_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN)
    follows = SETTINGS.model_copy(update={"follows": "irg"})
    for plans, checkpoint, about in (
        (NamedPlans(usual=str(tmp_path / "mine.yaml")), follows, "own"),
        (NamedPlans(usual="bagel-t2i"), follows, "BAGEL draws"),
        (NamedPlans(), follows, "IRG thinks"),
    ):
        found = plans.find(None, checkpoint)
        assert found is not None and found.about.startswith(about)


@pytest.mark.parametrize("name", ["nothing", "../irg", "/etc/passwd", "irg.yaml"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no plan of this server: expected one of bagel-"):
        NamedPlans(tmp_path).find(name, SETTINGS)


def test_nothing_is_fetched_for_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="irg plan fetch"):
        NamedPlans().find("thinkmorph", SETTINGS)


def test_plans_of_the_servers_own_are_checked_before_it_serves(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folder"):
        NamedPlans(tmp_path / "absent").check(SETTINGS)
    (unsaid := tmp_path / "my plan.yaml").write_text(OWN)
    with pytest.raises(ValueError, match=r"my plan\.yaml: expected a name that a request can say"):
        NamedPlans(tmp_path).check(SETTINGS)
    unsaid.unlink()
    (tmp_path / "broken.yaml").write_text(OWN.replace("prompt", "promt"))
    with pytest.raises(ValueError, match=r"broken\.yaml.*promt"):
        NamedPlans(tmp_path).check(SETTINGS)
    with pytest.raises(ValueError, match="no such plan"):
        NamedPlans(usual="nothing").check(Settings())
