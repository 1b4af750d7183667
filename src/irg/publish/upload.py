"""Sending a published folder to the hub. Nothing is sent before all of it has been looked at."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from irg.core.files import inside, read_json
from irg.core.output import MARKER
from irg.data.shards import MANIFEST, file_hash, verify
from irg.publish.card import FILE
from irg.publish.webdataset import INDEX


@dataclass(frozen=True)
class Upload:
    """What is sent where. `repo` is OWNER/NAME on the hub, which is made if there is none."""

    folder: Path
    repo: str
    private: bool = False
    revision: str | None = None
    """A branch; None is the main one."""
    message: str = "Publish the set"


def check(upload: Upload) -> dict[str, int]:
    """The files that would be sent, by name within the folder, with their sizes.

    Raises ValueError for what is no name on the hub, for a folder that is no published set, and for files
    that are not what the manifests say.
    """
    check_name(upload.repo, "dataset")
    data = upload.folder / "data"
    if not (upload.folder / FILE).is_file() or not data.is_dir():
        raise ValueError(f"{upload.folder} is no published set: expected {FILE} and data in it")
    parts = sorted(path for path in data.iterdir() if path.is_dir())
    problems = [f"{part.name}: {problem}" for part in parts for problem in _problems(part)]
    if problems or not parts:
        found = "; ".join(problems[:5]) or "it has no parts"
        raise ValueError(f"{upload.folder} is not as it was published: {found}")
    ours = upload.folder / MARKER
    paths = sorted(path for path in upload.folder.rglob("*") if path.is_file() and path != ours)
    names = [path.relative_to(upload.folder).as_posix() for path in paths]
    if strays := [name for name in names if not _belongs(name)]:
        raise ValueError(f"{upload.folder} holds what was not published: {', '.join(strays[:5])}")
    return {name: path.stat().st_size for name, path in zip(names, paths, strict=True)}


def send(upload: Upload) -> str:
    """Send it, replacing what data there was. Returns the address of the (last) commit.

    Raises ValueError as `check` does, without a token, and where the hub cannot be reached; OSError where the
    hub refuses.
    """
    check(upload)
    return commit(upload, upload.folder, "dataset", ("data/**",))


def check_name(repo: str, kind: str) -> None:
    """Raise ValueError for what can be no name of a `kind` of repository on the hub."""
    from huggingface_hub.utils import validate_repo_id

    if repo.count("/") != 1:
        raise ValueError(f"{repo!r} is no {kind} of the hub: expected OWNER/NAME")
    validate_repo_id(repo)


def commit(upload: Upload, folder: Path, kind: str, replaced: Sequence[str]) -> str:
    """Send a folder to a repository of a `kind`, which is made if there is none, in the place of the files
    there whose names match `replaced`. Returns the commit's address. Raises as `send` does."""
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise ValueError("the hub asks who it is: expected a token in HF_TOKEN, or by `hf auth login`")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    try:
        api.create_repo(upload.repo, repo_type=kind, private=upload.private, exist_ok=True)
        done = api.upload_folder(
            repo_id=upload.repo,
            folder_path=folder,
            repo_type=kind,
            revision=upload.revision,
            commit_message=upload.message,
            delete_patterns=list(replaced),
            ignore_patterns=MARKER,
        )
    except Exception as failed:
        if isinstance(failed, OSError | ValueError) or not _is_of_network(failed):
            raise
        raise ValueError(f"the hub cannot be reached: {failed}") from failed
    return done.commit_url


def _problems(part: Path) -> Iterator[str]:
    if (part / MANIFEST).is_file():
        yield from verify(part)
    elif (part / INDEX).is_file():
        shards = read_json(part / INDEX).get("shards")
        if not isinstance(shards, list) or not all(isinstance(entry, dict) for entry in shards):
            raise ValueError(f"{part / INDEX} lists no shards")
        for entry in shards:
            path = inside(part, entry.get("name"))
            if not path.is_file() or file_hash(path) != entry.get("sha256"):
                yield f"{path.name} is missing or not what {INDEX} says"
    else:
        yield f"it has no {MANIFEST} and no {INDEX}"


def _belongs(name: str) -> bool:
    """Whether publishing writes files of this name: nothing else that lies around is sent."""
    is_data = name.startswith("data/") and name.count("/") == 2
    return name == FILE or (is_data and name.endswith((".parquet", ".tar", f"/{MANIFEST}", f"/{INDEX}")))


def _is_of_network(error: Exception) -> bool:
    """Whether the HTTP client raised it, whose errors are no OSErrors."""
    return type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3"))
