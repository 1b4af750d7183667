from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from irg.core import Kind, Role, Sequence
from irg.data.modes import Dropout, Mode, Noising
from irg.data.scenes import COMPARE_QUESTION, PLAN_QUESTION, Preparer, improving_episode
from irg.data.store import Sample, write_samples
from irg.train.scene_data import Mixture, Pool, SampleShares, SceneData
from irg.world import parse_reflection
from tests.data.drawn import drawn
from tests.data.small import random_autoencoder, random_model, tokenizer
from tests.data.test_modes import DRAWN

ALL = dict.fromkeys(Mode, 1.0)


@pytest.fixture(scope="module")
def prepare() -> Preparer:
    return Preparer(random_model(), random_autoencoder(), tokenizer())


def scene_data(
    prepare: Preparer, weights: dict[Mode, float], pool: int = 8, refresh: int = 0, seed: int = 0
) -> SceneData:
    mixture = Mixture(weights, Noising(), Dropout())
    return SceneData(mixture, prepare, pool, refresh, np.random.default_rng(seed))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def text_of(document: Sequence, role: Role, turn: int) -> str:
    (ids,) = [one.data for one in document if one.role is role and one.turn == turn]
    assert isinstance(ids, tuple)
    return tokenizer().decode(ids)


def test_modes_are_drawn_by_weight() -> None:
    mixture = Mixture({Mode.DIRECT: 3.0, Mode.EDIT: 1.0, Mode.QUESTION: 0.0}, Noising(), Dropout())
    rng = np.random.default_rng(0)
    counts = Counter(mixture.draw(rng) for _ in range(1_000))
    assert set(counts) == {Mode.DIRECT, Mode.EDIT}
    assert abs(counts[Mode.DIRECT] / 1_000 - 0.75) < 0.04


def test_every_mode_gives_its_documents(prepare: Preparer) -> None:
    documents = scene_data(prepare, ALL).documents(60, generator())
    assert {mode for mode, _ in documents} == set(Mode)
    for mode, document in documents:
        assert drawn(document) == DRAWN[mode]


def test_questions_fit_their_modes(prepare: Preparer) -> None:
    weights = {Mode.INITIAL_UNDERSTANDING: 1.0, Mode.IMPROVING_UNDERSTANDING: 1.0}
    asked = {
        (mode, text_of(document, Role.QUESTION, 1))
        for mode, document in scene_data(prepare, weights).documents(12, generator())
    }
    assert asked == {
        (Mode.INITIAL_UNDERSTANDING, PLAN_QUESTION),
        (Mode.IMPROVING_UNDERSTANDING, COMPARE_QUESTION),
    }


def test_the_initial_modes_draw_the_right_picture(prepare: Preparer) -> None:
    """What is noised is the picture that the improving modes end with, not the flawed one they begin with."""
    data = scene_data(prepare, {Mode.INITIAL_FULL: 1.0})
    second = [trace.pictures[1].latents.float() for trace in data.improving.items]
    for _, document in data.documents(10, generator()):
        noisy = document.segments[-1]
        assert noisy.kind is Kind.NOISY and noisy.target is not None
        clean = torch.as_tensor(noisy.data) - noisy.timestep * noisy.target
        assert any(torch.allclose(clean, latents, rtol=0, atol=1e-5) for latents in second)


def test_a_pool_has_its_size_and_refreshing_replaces_some(prepare: Preparer) -> None:
    rng = np.random.default_rng(0)
    pool = Pool(improving_episode, prepare, 70, rng)
    before = list(pool.items)
    assert len(before) == 70
    pool.refresh(5, rng)
    changed = sum(new is not old for new, old in zip(pool.items, before, strict=True))
    assert len(pool.items) == 70 and 1 <= changed <= 5
    pool.refresh(0, rng)
    empty = Pool(improving_episode, prepare, 0, rng)
    empty.refresh(5, rng)
    assert empty.items == []


def test_pools_are_made_for_the_modes_that_need_them_even_if_tiny(prepare: Preparer) -> None:
    few = scene_data(prepare, {Mode.QUESTION: 1.0}, pool=2)
    assert len(few.questions.items) == 1 and few.edits.items == []
    assert drawn(few.documents(1, generator())[0][1]) == DRAWN[Mode.QUESTION]


def test_documents_refresh_the_pools(prepare: Preparer) -> None:
    data = scene_data(prepare, {Mode.INITIAL_THINKING: 1.0}, refresh=3)
    before = list(data.improving.items)
    data.documents(1, generator())
    assert 1 <= sum(new is not old for new, old in zip(data.improving.items, before, strict=True)) <= 3


def test_one_seed_gives_the_same_documents(prepare: Preparer) -> None:
    def prompts(seed: int) -> list[str]:
        documents = scene_data(prepare, {Mode.INITIAL_THINKING: 1.0}, seed=seed).documents(8, generator())
        return [text_of(document, Role.PROMPT, 1) for _, document in documents]

    assert prompts(1) == prompts(1) != prompts(2)


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Three pictures with flaws, then two without, as if a model drew them; they are also in `tmp_path`."""
    rng = np.random.default_rng(1)
    episodes = [improving_episode(rng) for _ in range(12)]
    flawed = [episode for episode in episodes if episode.flawed][:3]
    others = [episode for episode in episodes if episode not in flawed][:2]
    as_drawn = [Sample(one.prompt, one.thoughts[0], one.pictures[0]) for one in flawed]
    as_drawn += [Sample(one.prompt, one.thoughts[0], one.pictures[1]) for one in others]
    write_samples(tmp_path, "00000", as_drawn)
    return as_drawn


def test_own_pictures_take_their_shares_of_the_improving_documents(
    prepare: Preparer, samples: list[Sample], tmp_path: Path
) -> None:
    data = scene_data(prepare, {Mode.IMPROVING_FULL: 1.0}, pool=4)
    assert data.add_samples([tmp_path], SampleShares(0.7, 0.4), prepare) == {"flawed": 3, "right": 2}
    documents = data.documents(300, generator())
    flawed, right = (
        {(sample.prompt, sample.thought) for sample in part} for part in (samples[:3], samples[3:])
    )
    texts = [(text_of(one, Role.PROMPT, 1), text_of(one, Role.THOUGHT, 1)) for _, one in documents]
    assert abs(sum(pair in flawed | right for pair in texts) / 300 - 0.7) < 0.08
    assert abs(sum(pair in flawed for pair in texts) / 300 - 0.7 * 0.4) < 0.08
    for (_, document), pair in zip(documents, texts, strict=True):
        if pair in flawed | right:
            flaws, _ = parse_reflection(text_of(document, Role.THOUGHT, 2))
            assert bool(flaws) == (pair in flawed)


def test_own_pictures_may_come_from_several_folders(
    prepare: Preparer, samples: list[Sample], tmp_path: Path
) -> None:
    write_samples(tmp_path / "more", "00000", samples[:1])
    data = scene_data(prepare, {Mode.IMPROVING_FULL: 1.0}, pool=1)
    counts = data.add_samples([tmp_path, tmp_path / "more"], SampleShares(1.0, 0.5), prepare)
    assert counts == {"flawed": 4, "right": 2}


@pytest.mark.parametrize(("kept", "told"), [(slice(3), "3 and 0"), (slice(3, None), "0 and 2")])
def test_own_pictures_of_one_sort_only_are_refused(
    kept: slice, told: str, prepare: Preparer, samples: list[Sample], tmp_path: Path
) -> None:
    write_samples(tmp_path / "some", "00000", samples[kept])
    with pytest.raises(ValueError, match=told):
        scene_data(prepare, {Mode.IMPROVING_FULL: 1.0}, pool=1).add_samples(
            [tmp_path / "some"], SampleShares(0.5, 0.5), prepare
        )


def test_the_initial_modes_never_use_own_pictures(
    prepare: Preparer, samples: list[Sample], tmp_path: Path
) -> None:
    data = scene_data(prepare, {Mode.INITIAL_FULL: 1.0, Mode.INITIAL_UNDERSTANDING: 1.0}, pool=4)
    data.add_samples([tmp_path], SampleShares(1.0, 0.5), prepare)
    own = {sample.prompt for sample in samples} - {
        tokenizer().decode(trace.prompt) for trace in data.improving.items
    }
    assert own and not own & {text_of(one, Role.PROMPT, 1) for _, one in data.documents(30, generator())}
