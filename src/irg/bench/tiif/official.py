"""TIIF by its authors' own code, which writes a file of answers for each picture."""

from collections.abc import Sequence
from pathlib import Path

from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown
from irg.bench.tiif.groups import LENGTHS, TYPES
from irg.bench.tiif.summary import ANSWERS
from irg.bench.tree import MODEL
from irg.core.files import read_json

SCRIPT = "eval/eval_with_vlm.py"


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    """Answers by item, which the path of their file names; of items that are not shown none. Raises
    ValueError for a file without an answer to each of the item's questions."""
    wanted = {one.item.id: one.item for one in shown}
    found: dict[str, list[EvidenceRow]] = {}
    for path in sorted(results.rglob("*.json")):
        parts = path.relative_to(results).parts
        kind = next((part for part in parts if part in TYPES), None)
        length = next((name for name in LENGTHS for part in parts if part.startswith(name)), None)
        item = wanted.get(f"{kind}-{length}-{path.stem}")
        if item is None:
            continue
        answers = read_json(path).get("model_pred")
        if not isinstance(answers, list) or len(answers) != len(item.facts["questions"]):
            raise ValueError(f"{path.relative_to(results)}: expected a model_pred for each question")
        found[item.id] = [EvidenceRow(0, ANSWERS, {"answers": [str(one).lower() for one in answers]})]
    return found


PROGRAM = OfficialProgram(
    SCRIPT,
    (
        f"{{python}} {SCRIPT} --jsonl_dir data/testmini_eval_prompts --image_dir {{pictures}} "
        f"--eval_model {MODEL} --output_dir {{results}} --api_key $OPENAI_API_KEY --base_url {{base_url}} "
        "--model {model}",
    ),
    read,
    {"base_url": "https://api.openai.com/v1", "model": "gpt-4o"},
)
