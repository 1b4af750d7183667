"""Near-duplicates: pictures that look the same are near, others are far; searches agree with naive ones."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from irg.curate import duplicates
from irg.curate.duplicates import Embeddings, Hashes, Search, embedding_from, embedding_text, perceptual_hash
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
        assert near.first([asked])[0] == naive == (wanted if flips <= 12 else None)
    assert Hashes(12).first([texts[0]]) == [None]


def test_embeddings_are_found_by_their_cosine() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 24))
    near = Embeddings(0.95)
    assert near.first([embedding_text(vectors[0])]) == [None]
    for vector in vectors:
        near.add(embedding_text(vector))
    assert near.first([embedding_text(3 * vectors[7] + 0.01 * vectors[8])]) == [7]
    assert near.first([embedding_text(vectors[7] + vectors[8])]) == [None]
    assert abs(np.linalg.norm(embedding_from(embedding_text(vectors[0])).astype(float)) - 1) < 1e-3
    with pytest.raises(ValueError, match="expected 24 as before"):
        near.add(embedding_text(vectors[0][:5]))


@pytest.mark.parametrize("wrong", [-1, 1280])
def test_refuses_distances_that_hashes_do_not_have(wrong: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 1279"):
        Hashes(wrong)


def kept_by_search(near: Hashes | Embeddings, texts: list[str], together: int) -> list[int | None]:
    """What each text is a near-duplicate of, when those that are of none are kept."""
    found = []
    for start in range(0, len(texts), together):
        search = Search(near, texts[start : start + together])
        for place in range(len(search.texts)):
            found.append(search.find(place))
            if found[-1] is None:
                search.keep(place)
    return found


def kept_one_by_one(texts: list[str], near: Callable[[str, str], bool]) -> list[int | None]:
    kept, found = [], []
    for text in texts:
        found.append(next((number for number, other in enumerate(kept) if near(other, text)), None))
        if found[-1] is None:
            kept.append(text)
    return found


@pytest.mark.parametrize("together", [1, 7, 64, 1000])
def test_what_is_searched_at_once_is_decided_as_one_by_one(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "_AT_ONCE", 50)  # so that there is more than one product
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 16))
    vectors = [embedding_text(centres[rng.integers(60)] + 0.25 * rng.normal(size=16)) for _ in range(300)]

    def alike(one: str, other: str) -> bool:  # in single precision, and with nothing else
        first, second = (embedding_from(text).astype(np.float32) for text in (one, other))
        return bool(first @ second >= 0.93)

    naive = kept_one_by_one(vectors, alike)
    assert 100 < sum(number is None for number in naive) < 250
    assert kept_by_search(Embeddings(0.93), vectors, together) == naive

    bases = [int(rng.bytes(160).hex(), 16) for _ in range(60)]
    hashes = []
    for _ in range(300):
        bits = bases[rng.integers(60)]
        for bit in rng.choice(1280, rng.integers(12), replace=False):
            bits ^= 1 << int(bit)
        hashes.append(f"{bits:0320x}")
    naive = kept_one_by_one(hashes, lambda one, other: distance(one, other) <= 12)
    assert 60 < sum(number is None for number in naive) < 250
    assert kept_by_search(Hashes(12), hashes, together) == naive


def test_a_cosine_at_the_bound_is_near_whatever_it_is_searched_with() -> None:
    unit, vector = np.eye(8, dtype="<f2"), np.zeros(8, "<f2")
    vector[:2] = 0.6, 0.8
    cosine = float(vector[0])
    texts = [row.tobytes().hex() for row in (*unit[2:], vector)]
    for similarity, found in ((cosine, 0), (float(np.nextafter(cosine, 1)), None)):
        near = Embeddings(similarity)
        near.add(embedding_text(unit[0]))
        assert near.first(texts)[-1] == near.first(texts[-1:])[0] == found
