"""Names made of what they name: hashes of JSON values, the same on every machine."""

import hashlib
import json


def digest_of(*parts: object) -> str:
    """32 hex digits that depend on all parts (JSON values) and their order, the same on every machine."""
    content = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:32]
