"""Group d: prefilled caches and written text."""

import copy
import re
from dataclasses import replace
from typing import Self

import pytest
import torch

from irg.core import Document, Kind, Role, Segment, SpecialTokens, pack
from irg.engine import Line, SeededDraws, SlotPool, Strand, TextSampling, Writing, append, new_strands, write
from irg.engine.attend import StrandAttend, text_parts
from irg.engine.sampling import choose
from irg.model import UnifiedModel
from irg.prep import Tokenizer
from tests.golden.conftest import Agree
from tests.golden.vectors import TEXT as GOLDEN


def text(name: str) -> Segment:
    return Segment(Kind.TEXT, Role.PROMPT, tuple(GOLDEN[name].tolist()))


Strands = tuple[Strand, ...]


def cached(strands: Strands, letter: str, layer: int) -> torch.Tensor:
    """Keys or values of a layer, the strands' filled slots one after the other."""
    which = int(letter == "v")
    return torch.cat(
        [strand.slot.slab.pairs[layer, which, strand.slot.row, : strand.length] for strand in strands]
    )


@pytest.fixture(scope="module")
def after_prompt(reference_model: UnifiedModel, tokenizer: Tokenizer) -> Strands:
    empty = new_strands(SlotPool(reference_model))
    return append(reference_model, empty, [(text("prompt_ids"),)], tokenizer.special)


@pytest.fixture(scope="module")
def after_prompt2(reference_model: UnifiedModel, tokenizer: Tokenizer, after_prompt: Strands) -> Strands:
    return append(reference_model, after_prompt, [(text("prompt2_ids"),)], tokenizer.special)


@pytest.fixture(scope="module")
def batch(reference_model: UnifiedModel, tokenizer: Tokenizer) -> Strands:
    """One row per digit, each reading the texts of its letters in order."""
    rows = sorted({name[-1] for name in GOLDEN.names(r"batch\.[A-Z]\d")})
    letters = sorted({name[-2] for name in GOLDEN.names(r"batch\.[A-Z]\d")})
    strands = new_strands(SlotPool(reference_model), len(rows))
    for letter in letters:
        texts = [(text(f"batch.{letter}{row}"),) for row in rows]
        strands = append(reference_model, strands, texts, tokenizer.special)
    return strands


def test_lengths_and_positions(after_prompt: Strands, after_prompt2: Strands, batch: Strands) -> None:
    contexts = {"after_prompt": after_prompt, "after_prompt2": after_prompt2, "batch": batch}
    for name, strands in contexts.items():
        assert [strand.length for strand in strands] == GOLDEN.scalars[name]["kv_lens"]
        assert [strand.position for strand in strands] == GOLDEN.scalars[name]["rope"]


@pytest.mark.parametrize("name", GOLDEN.claim(r"([kv])\.\d+", r"prompt2\.([kv])\.\d+", r"batch\.([kv])\.\d+"))
def test_cached_keys_and_values(
    name: str, after_prompt: Strands, after_prompt2: Strands, batch: Strands, agree: Agree
) -> None:
    prefix, letter, layer = re.fullmatch(r"(?:(\w+)\.)?([kv])\.(\d+)", name).groups()  # type: ignore[union-attr]
    context = {None: after_prompt, "prompt2": after_prompt2, "batch": batch}[prefix]
    agree(GOLDEN, name, cached(context, letter, int(layer)))


@pytest.mark.parametrize("name", GOLDEN.claim("hidden", r"prompt2\.hidden"))
def test_hidden_states(name: str, reference_model: UnifiedModel, tokenizer: Tokenizer, agree: Agree) -> None:
    (strand,), streams = new_strands(SlotPool(reference_model)), None
    texts = ["prompt_ids", "prompt2_ids"][: 1 if name == "hidden" else 2]
    for segment in map(text, texts):
        packed = pack([Document((segment,))], tokenizer.special, [strand.position])
        streams = reference_model(packed, StrandAttend([strand], [text_parts(segment.num_tokens)]))
        strand = strand.advanced(segment.num_tokens, segment.advance, (segment,))
    assert streams is not None
    agree(GOLDEN, name, streams.understanding_UD)


def written(model: UnifiedModel, strands: Strands, special: SpecialTokens, max_tokens: int) -> list[Writing]:
    """Greedy text behind strands."""
    sampling = TextSampling(temperature=0, max_tokens=max_tokens)
    lines = [Line(strand, sampling, SeededDraws(0), special.text_start) for strand in strands]
    return list(write(model, lines, special))


@pytest.fixture(scope="module")
def greedy(reference_model: UnifiedModel, tokenizer: Tokenizer, after_prompt2: Strands) -> list[Writing]:
    """As many steps as the reference ran; the token chosen last is what it computed but did not return."""
    return written(reference_model, after_prompt2, tokenizer.special, len(GOLDEN["decode.logits"]))


def returned(steps: list[Writing], special: SpecialTokens, row: int = 0) -> list[int]:
    """What the reference returns: the tokens that were fed, so the start delimiter and all but the last."""
    num_steps = len(steps) - 1
    return [special.text_start, *steps[-1].lines[row].ids][:num_steps]


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
    name: str, reference_model: UnifiedModel, tokenizer: Tokenizer, after_prompt2: Strands, agree: Agree
) -> None:
    special = replace(tokenizer.special, text_end=GOLDEN.scalars["decode_stop"]["end_token_id"])
    steps = written(reference_model, after_prompt2, special, len(GOLDEN["decode.logits"]))
    (line,) = steps[-1].lines
    assert line.finished and not line.capped
    assert len(line.ids) + 1 == GOLDEN.scalars["decode_stop"]["returned_len"]
    agree(GOLDEN, name, torch.tensor([special.text_start, *line.ids]))


@pytest.mark.parametrize("name", GOLDEN.claim(r"batch\.decode_tokens"))
def test_a_batch_of_texts(
    name: str, reference_model: UnifiedModel, tokenizer: Tokenizer, batch: Strands, agree: Agree
) -> None:
    """The reference lets all rows go on until the first one ends, so none may end by itself here."""
    unused = next(token for token in range(tokenizer.size) if token not in GOLDEN[name])
    endless = replace(tokenizer.special, text_end=unused)
    steps = written(reference_model, batch, endless, len(GOLDEN[name]))
    rows = [returned(steps, endless, row) for row in range(len(batch))]
    agree(GOLDEN, name, torch.tensor(rows).T)


class Fixed:
    """Draws that always give the same number."""

    def __init__(self, number: float) -> None:
        self.number = number

    def uniform(self) -> float:
        return self.number

    def normal(self, *shape: int) -> torch.Tensor:
        raise AssertionError("text takes no normal numbers")

    def fork(self) -> Self:
        return copy.copy(self)


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
    chosen = choose(logits_RV.expand(num_draws, -1), [sampling] * num_draws, draws)
    share = torch.tensor(chosen).bincount(minlength=logits_RV.shape[1]) / num_draws
    assert (share - GOLDEN[name]).abs().max() <= 1.01 / num_draws
