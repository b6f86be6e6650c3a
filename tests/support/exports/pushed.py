"""Pushed snapshots in an object store, looked at past the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from load_targets import rows
from obstore.store import S3Store

if TYPE_CHECKING:
    from pathlib import Path

NIGHTS = ("eksport=20260226T112225Z", "eksport=20260227T112225Z", "eksport=20260228T112225Z")


def native(uri: str) -> S3Store:
    """The place at a URI in the bucket ``krr``."""
    return S3Store("krr", prefix=uri.removeprefix("s3://krr/"))


def objects(uri: str, prefix: str = "") -> dict[str, bytes]:
    """All objects of a place, by their keys; Arrow leaves empty ones for directories."""
    place = native(uri)
    keys = [entry["path"] for batch in place.list(prefix) for entry in batch if entry["size"]]
    return {key: bytes(place.get(key).bytes()) for key in sorted(keys)}


def persons(snapshot: Path) -> list[tuple[Any, ...]]:
    """The persons of a snapshot in a directory."""
    return rows(pq.read_table(snapshot / "person", partitioning=None))
