"""What is the same of two places in object stores that were made of the same exports."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from obstore.store import from_url

from exports import nights

if TYPE_CHECKING:
    from pathlib import Path

_GENERATION = re.compile(r"(?<=Z/)[0-9a-f]{12}(?=/)")
_OF_THE_RUN = ("report.", "changes/", "manifest.json", "_SUCCESS")
"""How the paths of files begin whose bytes tell of the run that made them."""


def contents(place: str) -> dict[str, bytes]:
    """All objects of a place."""
    native = from_url(place)
    return {entry["path"]: bytes(native.get(entry["path"]).bytes()) for batch in native.list() for entry in batch}


def facts(place: str, scratch: Path) -> dict[str, Any]:
    """All that a place is, but for what tells of the runs that made it.

    Args:
        place: its URI.
        scratch: a directory for a copy, which is not there yet.
    """
    for key, body in contents(place).items():
        name = _GENERATION.sub("GENERATION", key)
        copy = scratch / name
        assert not copy.exists(), f"two results of one night: {key}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(body if key.startswith(("data/", "failed/")) else _without_generation(key, body, place))
    return nights.facts(scratch)


def _without_generation(key: str, body: bytes, place: str) -> bytes:
    text = _GENERATION.sub("GENERATION", body.decode().replace(place, "PLACE"))
    if not key.endswith(".json"):
        return text.encode()
    commit = json.loads(text)
    commit.pop("generation")
    for file in commit["files"]:
        if file["uri"].rpartition("GENERATION/")[2].startswith(_OF_THE_RUN):
            file.pop("sha256"), file.pop("bytes")
    return json.dumps(commit).encode()


def unfinished(place: str) -> list[str]:
    """The files of results that a run which died had begun, and that no commit names."""
    found = contents(place)
    named = {
        file["uri"].removeprefix(f"{place}/")
        for key, body in found.items()
        if key.startswith("eksport/")
        for file in json.loads(body)["files"]
    }
    return [key for key in found if key.startswith("data/") and key not in named]
