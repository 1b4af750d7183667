"""The head of a card: what the hub and the `datasets` library read of it.

It names the licence, the parts and their files, and (of parquet files) the columns, so that pictures are
opened as pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irg.data.trace_rows import PUBLISHED_FEATURES
from irg.publish import Packaging
from irg.publish.inventory import Inventory

_LICENCES = frozenset(
    """apache-2.0 mit bsd-2-clause bsd-3-clause openrail cc0-1.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0
    cc-by-nc-4.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-nc-nd-4.0 odbl odc-by pddl cdla-permissive-2.0
    cdla-sharing-1.0 gpl-3.0 unlicense""".split()  # noqa: SIM905 - as names in a row they can be read
)
"""Names that the hub knows."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True)
class Title:
    """What the publisher says: the set's name, its licence (None: that of all its prompts), what it is."""

    name: str
    licence: str | None = None
    about: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("the set's name is empty")


def licences_of(title: Title, found: Inventory) -> list[str]:
    """The licences of the set, as they are named by whoever gave them.

    Raises ValueError where the publisher names none and not all prompts come with one.
    """
    if title.licence is not None:
        return [title.licence]
    if unknown := found.licences[""]:
        raise ValueError(
            f"{unknown:,} of {found.rows:,} traces do not say under which licence their prompts come: "
            "expected a licence for the set (--licence)"
        )
    return sorted(found.licences)


def front(title: Title, found: Inventory, layout: Packaging, num_bytes: int) -> dict[str, Any]:
    """The head, as YAML is made of it. `num_bytes` are those of the files that hold the rows."""
    names = licences_of(title, found)
    pattern = "*.parquet" if layout is Packaging.PARQUET else "*.tar"
    files = [{"split": name, "path": f"data/{name}/{pattern}"} for name in found.parts]
    return {
        "pretty_name": title.name,
        **licence_front(names),
        "task_categories": ["text-to-image", "image-to-image", "image-text-to-text"],
        "tags": ["interleaved-reasoning", "reflection", "synthetic"],
        "size_categories": [next((name for size, name in _SIZES if found.rows < size), "n>1M")],
        "configs": [{"config_name": "default", "data_files": files}],
        **({"dataset_info": _info(found, num_bytes)} if layout is Packaging.PARQUET else {}),
    }


def licence_front(names: Sequence[str]) -> dict[str, Any]:
    """The licences in a card's head, those that the hub does not know by a name of their own."""
    known = sorted({name.lower() if name.lower() in _LICENCES else "other" for name in names})
    other = {"license_name": "; ".join(names)} if "other" in known else {}
    return {"license": known[0] if len(known) == 1 else known, **other}


def _info(found: Inventory, num_bytes: int) -> dict[str, Any]:
    return {
        "features": _columns(PUBLISHED_FEATURES),
        "splits": [
            {"name": name, "num_bytes": part.num_bytes, "num_examples": part.rows}
            for name, part in found.parts.items()
        ],
        "download_size": num_bytes,
        "dataset_size": sum(part.num_bytes for part in found.parts.values()),
    }


def _columns(features: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Columns as cards name them, from what the files say to the `datasets` library."""
    return [{"name": name, **_column(feature)} for name, feature in features.items()]


def _column(feature: Any) -> dict[str, Any]:
    if isinstance(feature, list):
        inner = _column(feature[0])
        return {"list": inner.get("dtype") or inner.get("struct") or inner}
    match feature.get("_type"):
        case "Value":
            return {"dtype": feature["dtype"]}
        case "Image":
            return {"dtype": "image"}
        case _:
            return {"struct": _columns(feature)}
