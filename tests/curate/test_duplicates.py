"""Near-duplicates: pictures that look the same are near, others are far; searches agree with naive ones."""

import io

import numpy as np
import pytest
from PIL import Image

from irg.curate.duplicates import Embeddings, Hashes, embedding_from, embedding_text, perceptual_hash
from irg.world import Family, Split, fulfil, parse, perturb, render, sample_prompt


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def scene_pictures(count: int) -> list[tuple[Image.Image, Image.Image]]:
    """Pictures of scenes, each beside one that differs in an object."""
    pairs = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        scene = fulfil(parse(sample_prompt(rng, Family.COMPOUND, Split.TRAIN)[1]), rng).pose(rng)
        pairs.append((Image.fromarray(render(scene)), Image.fromarray(render(perturb(scene, rng)))))
    return pairs


def test_another_size_or_encoding_is_near_and_another_picture_is_not() -> None:
    for picture, other in scene_pictures(6):
        known = perceptual_hash(picture)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        assert distance(known, perceptual_hash(Image.open(buffer))) <= 60
        assert distance(known, perceptual_hash(picture.resize((96, 96), Image.Resampling.LANCZOS))) <= 60
        assert distance(known, perceptual_hash(other)) > 2


def test_a_hash_of_another_colour_is_far() -> None:
    red, blue = (perceptual_hash(Image.new("RGB", (64, 64), colour)) for colour in ("red", "blue"))
    assert distance(red, blue) > 100 and len(red) == 320


def test_hashes_are_found_as_by_a_naive_search() -> None:
    rng = np.random.default_rng(0)
    texts = [rng.bytes(160).hex() for _ in range(300)]
    near = Hashes(12)
    for text in texts:
        near.add(text)
    for wanted, flips in ((0, 0), (17, 12), (17, 13), (299, 5)):
        bits = int(texts[wanted], 16)
        for bit in rng.choice(1280, flips, replace=False):
            bits ^= 1 << int(bit)
        asked = f"{bits:0320x}"
        naive = next((n for n, text in enumerate(texts) if distance(text, asked) <= 12), None)
        assert near.find(asked) == naive == (wanted if flips <= 12 else None)
    assert Hashes(12).find(texts[0]) is None


def test_embeddings_are_found_by_their_cosine() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 24))
    near = Embeddings(0.95)
    assert near.find(embedding_text(vectors[0])) is None
    for vector in vectors:
        near.add(embedding_text(vector))
    assert near.find(embedding_text(3 * vectors[7] + 0.01 * vectors[8])) == 7
    assert near.find(embedding_text(vectors[7] + vectors[8])) is None
    assert abs(np.linalg.norm(embedding_from(embedding_text(vectors[0])).astype(float)) - 1) < 1e-3
    with pytest.raises(ValueError, match="expected 24 as before"):
        near.add(embedding_text(vectors[0][:5]))


@pytest.mark.parametrize("wrong", [-1, 1280])
def test_refuses_distances_that_hashes_do_not_have(wrong: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 1279"):
        Hashes(wrong)
