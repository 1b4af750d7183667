"""A finished set: what is held out of it, and whose manifest is in its folder."""

from pathlib import Path

import pytest

from irg.data.sets import is_held_out, read_manifest


def test_a_prompt_is_held_out_by_its_words_alone() -> None:
    prompts = [f"thing number {number}" for number in range(2000)]
    held = [prompt for prompt in prompts if is_held_out(prompt, 0.1)]
    assert 150 <= len(held) <= 250 and all(is_held_out(prompt.upper() + "!", 0.1) for prompt in held)
    assert all(is_held_out(prompt, 0.2) for prompt in held) and not any(is_held_out(p, 0.0) for p in prompts)


def test_another_programs_manifest_is_not_taken_for_ours(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    (tmp_path / "manifest.json").write_text('{"version": 99}')
    with pytest.raises(ValueError, match="no manifest of a curation"):
        read_manifest(tmp_path)
