"""Whole runs: they learn what is rewarded, go on bit for bit, and lose nothing when rewards go away."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from irg.pipeline import load_pipeline
from irg.rl.feed import PlayedFeed
from irg.rl.rewards import GradesLostError
from irg.rl.run import guard_of, learn, run_of
from irg.rl.settings import GuardSettings, RlRecipe
from irg.rl.trials import RlTrials
from irg.run.loop import StoppedError, newest_step
from irg.run.rng import restore_rng, rng_state
from irg.run.step import Totals
from tests.rl.bandits import READING, tinted, wordy
from tests.rl.played import ALONE, REDNESS, start
from tests.rl.runs import FILE_OF_PROMPTS, history, recipe
from tests.train.runs import MEASURED


@pytest.fixture(autouse=True)
def generators() -> Any:
    """Runs seed the global generators."""
    before = rng_state(ALONE)
    yield
    restore_rng(before, ALONE)


def computed(out: Path) -> list[dict[str, Any]]:
    return [{name: one[name] for name in one if name not in MEASURED} for one in history(out)]


def short(out: Path, **changes: Any) -> RlRecipe:
    rollouts = {"groups": 2, "siblings": 3, "tries": 1, "temperature": 1.0}
    usual = {
        "steps": 4, "rewards": REDNESS, "learning": {"flow": 1.0}, "rollouts": rollouts,
        "data": [{"scenes": "episodes", "modes": {"improving_thinking": 1.0}}],
        "batch": {"documents": 1},
        "checkpoint": {"every": 2}, "ema": 0.9, "returns": {"floor": 1e-3},
    }  # fmt: skip
    return recipe(start(), out, **(usual | changes))


def test_a_wanted_word_is_learned(tmp_path: Path) -> None:
    """In texts that go on being well-formed."""
    rollouts = {"groups": 2, "siblings": 24, "tries": 1, "temperature": 1.0, "batch": 128}
    bandit = recipe(
        wordy(), tmp_path / "run", steps=15, rollouts=rollouts, optimizer={"rate": 0.01}, clip=10.0,
        settings={"num_points": 2, "max_thought_tokens": 12}, learning={"kl_text": 0, "kl_flow": 0},
        guards={"malformed": 1.0, "runaway": 1e3},
    )  # fmt: skip
    learn(bandit)
    lines = history(tmp_path / "run")
    shares = [line["rollouts/last_right"] for line in lines]
    assert shares[0] < 0.4 and max(shares) >= 0.95 and sum(shares[-4:]) / 4 > 0.85
    assert lines[-1]["valid"] > 0.9


@pytest.mark.parametrize("method", ["grpo", "nft"])
def test_redness_is_learned_by_flow_alone(method: str, tmp_path: Path) -> None:
    """What reads and writes stays as it is, and so do texts."""
    rollouts = {
        "groups": 2, "siblings": 12, "tries": 1, "temperature": 1.0, "batch": 128,
        "common_noise": method == "grpo",
    }  # fmt: skip
    learning = {"kl_text": 0, "kl_flow": 0, "text": 0, "flow": 1.0, "method": method}
    bandit = recipe(
        tinted(), tmp_path / "run", steps=12, learning=learning, rollouts=rollouts, freeze=READING,
        rewards=REDNESS, returns={"floor": 1e-3, "malformed": 0.0},
        settings={"num_points": 5, "max_thought_tokens": 8}, optimizer={"rate": 5e-3}, clip=10.0,
        guards={"malformed": 1.0, "kl_flow": 1e3},
    )  # fmt: skip
    learn(bandit)
    redness = [line["reward"] for line in history(tmp_path / "run")]
    assert max(redness[:2]) < 0.65 and sum(redness[-2:]) / 2 > sum(redness[:2]) / 2 + 0.2


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole, stopped = short(tmp_path / "whole"), short(tmp_path / "stopped")
    folder = learn(whole)
    run = run_of(stopped, ALONE)

    def ask(*_: object) -> None:
        if run.step == 1:  # it is heard before the next step, which is then the last
            hook.remove()
            os.kill(os.getpid(), signal.SIGTERM)

    hook = run.objective.network.register_forward_pre_hook(ask)
    run.begin(resume=False)
    stopped.save()
    with pytest.raises(KeyboardInterrupt):
        run.go_on()
    assert newest_step(stopped.out) == 3
    again = learn(stopped, resume=True)
    assert computed(stopped.out) == computed(whole.out)
    assert (again / "ema_bf16.safetensors").read_bytes() == (folder / "ema_bf16.safetensors").read_bytes()
    for line in computed(whole.out):
        assert {
            "reward",
            "valid",
            "repair",
            "damage",
            "text",
            "flow",
            "anchor_text",
            "entropy",
        } <= line.keys()
        assert line["deviation"] < 1e-4 and line["kl_text"] >= 0
    assert computed(whole.out)[0]["kl_text"] == pytest.approx(0, abs=1e-6)
    assert (whole.out / "samples" / "step-00000001.png").exists()
    assert load_pipeline(str(folder)).settings.max_thought_tokens == 6
    with pytest.raises(ValueError, match="--resume"):
        learn(whole)
    changed = whole.model_copy(update={"rollouts": whole.rollouts.model_copy(update={"siblings": 4})})
    with pytest.raises(ValueError, match="rollouts"):
        learn(changed, resume=True)


def test_rewards_that_go_away_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = short(tmp_path / "whole", steps=3), short(tmp_path / "broken", steps=3)
    learn(whole)
    calls = tmp_path / "calls"
    monkeypatch.setenv("IRG_TEST_GRADES", str(calls))
    silent = {"kind": "function", "function": "tests.rl.graders:redness_for_a_while"}
    calls.write_text("17")
    broken = broken.model_copy(update={"rewards": short(tmp_path / "x", rewards=[silent]).rewards})
    with pytest.raises(GradesLostError, match="pictures have no grade"):
        learn(broken)
    assert 0 < (newest_step(broken.out) or 0) < 3
    calls.write_text("1000")
    learn(broken, resume=True)
    assert computed(broken.out) == computed(whole.out)
    feed: Any = run_of(broken, ALONE).feed
    account = feed.player.rewards.account()
    assert account["tests.rl.graders:redness_for_a_while"]["unanswered"] > 0


def totals(**losses: float) -> Totals:
    return Totals({"loss": 0.0, "kl_flow": 0.0} | losses, 1, 1, 0.0, False)


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ({"deviation": 0.2}, r"replayed 0\.2 nats a token from how they were sampled"),
        ({"runaway": 0.01}, r"1\.00% of the tokens are more than guards\.runaway 20 nats"),
        ({"kl_flow": 0.7}, r"velocities are 0\.7 from the model of the beginning"),
    ],
)
def test_guards_look_at_a_step_before_it_moves_anything(losses: dict[str, float], told: str) -> None:
    guard = guard_of(GuardSettings())
    guard(totals(deviation=0.01, runaway=0.0))
    guard(totals())
    with pytest.raises(StoppedError, match=told):
        guard(totals(**losses))


def test_adapters_learn_beside_a_reference_that_is_the_model_without_them(tmp_path: Path) -> None:
    adapted = short(tmp_path / "run", steps=2, lora={"rank": 2}, optimizer={"rate": 1e-2}, ema=None)
    run = run_of(adapted, ALONE)
    assert run.objective.reference is None  # type: ignore[attr-defined]
    run.begin(resume=False)
    run.go_on()
    first, second = computed(adapted.out)
    assert first["kl_text"] == pytest.approx(0, abs=1e-6) and second["kl_text"] > 1e-7
    trained = [name for name, one in run.objective.model.named_parameters() if one.requires_grad]
    assert trained and all("lora_" in name for name in trained)


def test_the_reference_stays_and_the_network_moves(tmp_path: Path) -> None:
    run = run_of(short(tmp_path / "run", steps=1), ALONE)
    reference: Any = run.objective.reference  # type: ignore[attr-defined]
    before = [parameter.clone() for parameter in reference.parameters()]
    run.begin(resume=False)
    run.go_on()
    assert all(torch.equal(one, two) for one, two in zip(before, reference.parameters(), strict=True))
    pairs = zip(before, run.objective.network.parameters(), strict=True)
    assert any(not torch.equal(one, two) for one, two in pairs)


def test_a_run_is_known_by_what_decides_on_it(tmp_path: Path) -> None:
    def identity(name: str, **changes: Any) -> dict[str, Any]:
        return run_of(recipe(start(), tmp_path / name / "run", **changes), ALONE).settings.identity

    service = {"kind": "service", "address": "http://127.0.0.1:1"}
    known = identity("a", rewards=[service])
    assert identity("b", rewards=[service | {"attempts": 9}], learning={"kl_text": 0.1}) == known
    assert identity("c", rewards=[service | {"version": "2"}])["rewards"] != known["rewards"]
    assert identity("d", rewards=[service | {"weight": 2.0}], returns={"gain": 0.1}) != known
    chosen = recipe(start(), tmp_path / "e" / "run", rewards=[service])
    with (tmp_path / "e" / FILE_OF_PROMPTS).open("a") as file:
        file.write('{"prompt": "another"}\n')
    assert run_of(chosen, ALONE).settings.identity["prompts"] != known["prompts"]


def test_rewards_are_loaded_once(tmp_path: Path) -> None:
    trials = {"source": {"scenes": {"single": 1}}}
    run = run_of(recipe(start(), tmp_path / "run", trials=trials), ALONE)
    feed, evaluator = run.feed, run.evaluator
    assert isinstance(feed, PlayedFeed) and isinstance(evaluator, RlTrials)
    assert evaluator.player.rewards is feed.player.rewards
