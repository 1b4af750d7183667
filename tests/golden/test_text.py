"""Group d: prefilled caches and written text."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from irg.core import Document, Kind, Role, Segment, SpecialTokens, pack
from irg.engine import Context, SeededDraws, TextSampling, Writing, append, new_context, write
from irg.engine.context import read_packed
from irg.engine.text import choose
from irg.model import UnifiedModel
from irg.prep import Tokenizer
from tests.golden.conftest import Agree
from tests.golden.vectors import TEXT as GOLDEN

Slots = Callable[[str], torch.Tensor]


def text(name: str) -> Segment:
    return Segment(Kind.TEXT, Role.PROMPT, tuple(GOLDEN[name].tolist()))


def cached(context: Context, letter: str, layer: int) -> torch.Tensor:
    """Keys or values of a layer, the rows' filled slots one after the other."""
    pairs = context.buffer.pairs[int(letter == "v"), layer]
    return torch.cat([row[:length] for row, length in zip(pairs, context.lengths, strict=True)])


@pytest.fixture(scope="module")
def after_prompt(reference_model: UnifiedModel, tokenizer: Tokenizer) -> Context:
    return append(reference_model, new_context(reference_model), [(text("prompt_ids"),)], tokenizer.special)


@pytest.fixture(scope="module")
def after_prompt2(reference_model: UnifiedModel, tokenizer: Tokenizer, after_prompt: Context) -> Context:
    return append(reference_model, after_prompt, [(text("prompt2_ids"),)], tokenizer.special)


@pytest.fixture(scope="module")
def batch(reference_model: UnifiedModel, tokenizer: Tokenizer) -> Context:
    """One row per digit, each reading the texts of its letters in order."""
    rows = sorted({name[-1] for name in GOLDEN.names(r"batch\.[A-Z]\d")})
    letters = sorted({name[-2] for name in GOLDEN.names(r"batch\.[A-Z]\d")})
    context = new_context(reference_model, num_rows=len(rows))
    for letter in letters:
        texts = [(text(f"batch.{letter}{row}"),) for row in rows]
        context = append(reference_model, context, texts, tokenizer.special)
    return context


def test_lengths_and_positions(after_prompt: Context, after_prompt2: Context, batch: Context) -> None:
    contexts = {"after_prompt": after_prompt, "after_prompt2": after_prompt2, "batch": batch}
    for name, context in contexts.items():
        assert list(context.lengths) == GOLDEN.scalars[name]["kv_lens"]
        assert list(context.positions) == GOLDEN.scalars[name]["rope"]


@pytest.mark.parametrize("name", GOLDEN.claim(r"([kv])\.\d+", r"prompt2\.([kv])\.\d+", r"batch\.([kv])\.\d+"))
def test_cached_keys_and_values(
    name: str, after_prompt: Context, after_prompt2: Context, batch: Context, agree: Agree
) -> None:
    prefix, letter, layer = re.fullmatch(r"(?:(\w+)\.)?([kv])\.(\d+)", name).groups()  # type: ignore[union-attr]
    context = {None: after_prompt, "prompt2": after_prompt2, "batch": batch}[prefix]
    agree(GOLDEN, name, cached(context, letter, int(layer)))


@pytest.mark.parametrize("name", GOLDEN.claim("hidden", r"prompt2\.hidden"))
def test_hidden_states(name: str, reference_model: UnifiedModel, tokenizer: Tokenizer, agree: Agree) -> None:
    context, streams = new_context(reference_model), None
    texts = ["prompt_ids", "prompt2_ids"][: 1 if name == "hidden" else 2]
    for segment in map(text, texts):
        packed = pack([Document((segment,))], tokenizer.special, context.positions)
        streams = read_packed(reference_model, context, packed)
        context = context.advanced(packed.document_lengths, packed.document_advances, [(segment,)])
    assert streams is not None
    agree(GOLDEN, name, streams.understanding_UD)


def written(model: UnifiedModel, context: Context, special: SpecialTokens, max_tokens: int) -> list[Writing]:
    """Greedy text behind a context, which stays the tip for the next test."""
    sampling = TextSampling(temperature=0, max_tokens=max_tokens)
    draws = [SeededDraws(0)] * context.num_rows
    steps = list(write(model, context, sampling, draws, special))
    context.rewound()
    return steps


@pytest.fixture(scope="module")
def greedy(reference_model: UnifiedModel, tokenizer: Tokenizer, after_prompt2: Context) -> list[Writing]:
    """As many steps as the reference ran; the token chosen last is what it computed but did not return."""
    return written(reference_model, after_prompt2, tokenizer.special, len(GOLDEN["decode.logits"]))


def returned(steps: list[Writing], special: SpecialTokens, row: int = 0) -> list[int]:
    """What the reference returns: the tokens that were fed, so the start delimiter and all but the last."""
    num_steps = len(steps) - 1
    return [special.text_start, *steps[-1].ids[row]][:num_steps]


@pytest.mark.parametrize("name", GOLDEN.claim(r"decode\.(tokens|logits)"))
def test_greedy_text(name: str, greedy: list[Writing], tokenizer: Tokenizer, agree: Agree) -> None:
    values = {
        "decode.tokens": torch.tensor(returned(greedy, tokenizer.special)),
        "decode.logits": torch.cat([step.logits_RV for step in greedy[:-1]]),
    }
    agree(GOLDEN, name, values[name])


def test_the_margin_between_the_two_likeliest_tokens(greedy: list[Writing]) -> None:
    best = torch.cat([step.logits_RV for step in greedy[:-1]]).topk(2).values
    margin = (best[:, 0] - best[:, 1]).min().item()
    assert margin == pytest.approx(GOLDEN.scalars["decode_min_top1_margin"], abs=1e-4)


@pytest.mark.parametrize("name", GOLDEN.claim(r"decode_stop\.tokens"))
def test_text_ends_before_its_end_token(
    name: str, reference_model: UnifiedModel, tokenizer: Tokenizer, after_prompt2: Context, agree: Agree
) -> None:
    special = replace(tokenizer.special, text_end=GOLDEN.scalars["decode_stop"]["end_token_id"])
    steps = written(reference_model, after_prompt2, special, len(GOLDEN["decode.logits"]))
    assert steps[-1].finished == (True,) and steps[-1].capped == (False,)
    assert len(steps[-1].ids[0]) + 1 == GOLDEN.scalars["decode_stop"]["returned_len"]
    agree(GOLDEN, name, torch.tensor([special.text_start, *steps[-1].ids[0]]))


@pytest.mark.parametrize("name", GOLDEN.claim(r"batch\.decode_tokens"))
def test_a_batch_of_texts(
    name: str, reference_model: UnifiedModel, tokenizer: Tokenizer, batch: Context, agree: Agree
) -> None:
    """The reference lets all rows go on until the first one ends, so none may end by itself here."""
    unused = next(token for token in range(tokenizer.size) if token not in GOLDEN[name])
    endless = replace(tokenizer.special, text_end=unused)
    steps = written(reference_model, batch, endless, len(GOLDEN[name]))
    rows = [returned(steps, endless, row) for row in range(batch.num_rows)]
    agree(GOLDEN, name, torch.tensor(rows).T)


class Fixed:
    """Draws that always give the same number."""

    def __init__(self, number: float) -> None:
        self.number = number

    def uniform(self) -> float:
        return self.number

    def normal(self, *shape: int) -> torch.Tensor:
        raise AssertionError("text takes no normal numbers")


@pytest.mark.parametrize("name", GOLDEN.claim(r"decode\.probs_T[\d.]+_step\d+"))
def test_sampling_shares(name: str, greedy: list[Writing], agree: Agree) -> None:
    """The shares are those recorded, and `choose` gives each token its share of the numbers in [0, 1)."""
    temperature, step = re.fullmatch(r"decode\.probs_T([\d.]+)_step(\d+)", name).groups()  # type: ignore[union-attr]
    logits_RV = greedy[int(step)].logits_RV
    agree(GOLDEN, name, (logits_RV / float(temperature)).softmax(dim=-1)[0])

    num_draws = 2000
    sampling = TextSampling(temperature=float(temperature))
    numbers = (torch.arange(num_draws) + 0.5) / num_draws
    draws = [Fixed(number.item()) for number in numbers]
    chosen = choose(logits_RV.expand(num_draws, -1), sampling, draws, [False] * num_draws)
    share = torch.tensor(chosen).bincount(minlength=logits_RV.shape[1]) / num_draws
    assert (share - GOLDEN[name]).abs().max() <= 1.01 / num_draws
