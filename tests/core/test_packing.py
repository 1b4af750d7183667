import pytest
import torch

from irg.core import IGNORE, Document, Grid, Kind, Role, Route, Segment, SpecialTokens, pack, pack_tokens
from tests.samples import Sampler

SPECIAL = SpecialTokens(90, 91, 92, 93)


def text(*ids: int, loss: bool = False) -> Segment:
    return Segment(Kind.TEXT, Role.PROMPT, ids, loss=loss)


def image(kind: Kind, rows: int, columns: int, **more: object) -> Segment:
    data = torch.arange(rows * columns * 2.0).view(-1, 2)
    return Segment(kind, Role.IMAGE, data, grid=Grid(rows, columns), **more)  # type: ignore[arg-type]


def in_row(values: torch.Tensor, index: torch.Tensor, length: int) -> list[int | None]:
    """Values at their places of the row, None elsewhere."""
    row: list[int | None] = [None] * length
    for place, value in zip(index.tolist(), values.tolist(), strict=True):
        row[place] = value
    return row


def test_an_image_block_shares_one_position() -> None:
    packed = pack([Document((text(5), image(Kind.CLEAN, 1, 2), image(Kind.VIEW, 1, 1), text(6)))], SPECIAL)
    assert packed.position_T.tolist() == [0, 1, 2] + [3] * 4 + [4] * 3 + [5, 6, 7]
    assert packed.document_advances == (8,)
    assert packed.column_T.tolist() == list(range(13))


def test_a_noisy_image_does_not_advance() -> None:
    packed = pack([Document((text(), image(Kind.NOISY, 1, 1), image(Kind.CLEAN, 1, 1), text()))], SPECIAL)
    assert packed.position_T.tolist() == [0, 1] + [2] * 3 + [2] * 3 + [3, 4]
    assert packed.document_advances == (5,)


def test_documents_start_where_told() -> None:
    documents = [Document((text(5),)), Document((image(Kind.CLEAN, 1, 1), text()))]
    packed = pack(documents, SPECIAL, starts=[7, 0])
    assert packed.position_T.tolist() == [7, 8, 9] + [0] * 3 + [1, 2]
    assert packed.document_T.tolist() == [0] * 3 + [1] * 5
    assert packed.segment_T.tolist() == [0] * 3 + [1] * 3 + [2] * 2
    assert packed.column_T.tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert packed.document_lengths == (3, 5) and packed.document_advances == (3, 3)
    with pytest.raises(ValueError, match="2 documents but 1 start positions"):
        pack(documents, SPECIAL, starts=[0])


def test_delimiters_are_text_and_latents_go_to_the_generation_expert() -> None:
    packed = pack([Document((text(5), image(Kind.CLEAN, 1, 2), image(Kind.VIEW, 1, 1)))], SPECIAL)
    tokens = in_row(packed.text_id_N, packed.text_index_N, packed.num_tokens)
    assert tokens == [90, 5, 91, 92, None, None, 93, 92, None, 93]
    routes = [Route(value).name[0] for value in packed.route_T.tolist()]
    assert "".join(routes) == "UUUUGGUUUU"
    together = torch.cat([packed.understanding_index_U, packed.latent_index_M])
    assert sorted(together.tolist()) == list(range(packed.num_tokens))


def test_labels_predict_the_next_token_and_the_last_the_end() -> None:
    packed = pack([Document((text(5, 6, loss=True), text(7), image(Kind.VIEW, 1, 1)))], SPECIAL)
    assert packed.label_T.tolist() == [5, 6, 91, IGNORE] + [IGNORE] * 6


def test_rows_and_columns_of_image_tokens() -> None:
    packed = pack([Document((image(Kind.CLEAN, 2, 3), image(Kind.VIEW, 3, 1)))], SPECIAL)
    assert packed.latent_row_M.tolist() == [0, 0, 0, 1, 1, 1]
    assert packed.latent_column_M.tolist() == [0, 1, 2, 0, 1, 2]
    assert packed.patch_row_P.tolist() == [0, 1, 2] and packed.patch_column_P.tolist() == [0, 0, 0]
    assert packed.view_lengths == (3,)


def test_targets_timesteps_and_noise_flags_per_latent_token() -> None:
    noisy = image(Kind.NOISY, 1, 2, timestep=0.75, target=torch.ones(2, 2))
    packed = pack([Document((image(Kind.CLEAN, 1, 1), noisy))], SPECIAL)
    assert packed.timestep_M.tolist() == [0, 0.75, 0.75]
    assert packed.noisy_M.tolist() == [False, True, True]
    assert packed.has_target_M.tolist() == [False, True, True]
    assert packed.target_MC is not None
    assert packed.target_MC.tolist() == [[0, 0], [1, 1], [1, 1]]
    assert pack([Document((image(Kind.CLEAN, 1, 1),))], SPECIAL).target_MC is None


def test_a_text_row_has_no_latents_or_patches() -> None:
    packed = pack([Document((text(5),))], SPECIAL)
    assert packed.latent_MC is None and packed.patch_PD is None and packed.target_MC is None
    assert len(packed.latent_index_M) == len(packed.timestep_M) == len(packed.noisy_M) == 0


def test_the_next_denoising_step_changes_latents_and_time_only(sampler: Sampler) -> None:
    packed = pack([Document((sampler.image(Kind.NOISY, 2, 2),))], SPECIAL)
    latents = sampler.normal(4, sampler.config.latent_values)
    stepped = packed.with_latents(latents, 0.25)
    assert stepped.latent_MC is latents
    assert stepped.timestep_M.tolist() == [0.25] * 4
    assert stepped.position_T is packed.position_T


def test_runs_of_tokens_continue_their_documents() -> None:
    packed = pack_tokens([[5], [6, 7]], [3, 10])
    assert packed.text_id_N.tolist() == [5, 6, 7]
    assert packed.position_T.tolist() == [3, 10, 11]
    assert packed.document_T.tolist() == [0, 1, 1]
    assert packed.column_T.tolist() == [0, 0, 1]
    assert packed.document_lengths == packed.document_advances == (1, 2)
    assert packed.label_T.tolist() == [IGNORE] * 3
    assert packed.text_index_N.tolist() == [0, 1, 2]


def test_runs_of_tokens_have_no_images() -> None:
    """All that is of images is there, and empty: as in a row of texts."""
    packed, texts = pack_tokens([[5], [6, 7]], [3, 10]), pack([Document((text(1, 2),))], SPECIAL)
    assert packed.view_lengths == texts.view_lengths == ()
    for name, value in vars(texts).items():
        if name.endswith(("_M", "_MC", "_P", "_PD")):
            mine = getattr(packed, name)
            assert (mine is None) == (value is None), name
            assert mine is None or (mine.shape, mine.dtype) == (value.shape, value.dtype), name


def test_moving_a_row_moves_every_tensor(sampler: Sampler) -> None:
    packed = pack([sampler.document() for _ in range(4)], SPECIAL).to("meta")
    tensors = [value for value in vars(packed).values() if isinstance(value, torch.Tensor)]
    assert tensors and all(tensor.is_meta for tensor in tensors)
