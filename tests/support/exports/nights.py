"""Exports of several nights, and what is the same of two stores that were made of them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import command
import discretion
import pyarrow.parquet as pq

import krr_export
from krr_export.domain.store_layout import exported_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VOLATILE = {"created", "performance", "duration"}
"""What a report or a manifest tells of the run that made it."""


def make_nights(directory: Path, nights: int, *, records: int = 2000) -> list[Path]:
    """Exports of so many nights, the oldest first; each changes some persons of the one before, two are rejected."""
    made = [directory / f"night-{number}.xml{'.gz' * (number % 2)}" for number in range(nights)]
    before = [f"--records={records}", "--seed=7"]
    for path in made:
        ran = command.call("sample", path, *before)
        assert ran.code == 0, ran.err
        before = ["--from", str(path), "--change", "2%"]
    for path in made:
        _spoil(path)
    return made


def _spoil(path: Path) -> None:
    document = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    spoilt = document.replace(b">AKTIV<", b">AKTIVT<", 2)
    assert len(spoilt) == len(document) + 2
    path.write_bytes(gzip.compress(spoilt, 1, mtime=0) if path.suffix == ".gz" else spoilt)


def facts(store: Path) -> dict[str, Any]:
    """All that a store is, but for what tells of the runs that made it: the bytes of tables, reports, latest."""
    return {
        str(path.relative_to(store)): _fact(path)
        for path in sorted(store.rglob("*"))
        if path.name not in {".lock", "_SUCCESS", "report.html"} and (path.is_symlink() or not path.is_dir())
    }


def _fact(path: Path) -> Any:  # noqa: ANN401 - whatever tells of a file
    if path.is_symlink():
        return str(path.readlink())
    if path.suffix == ".json":
        return _without_run(json.loads(path.read_bytes()))
    if path.parent.name == "changes":  # its metadata name the snapshot before by the digest of a manifest with a time
        table = pq.read_table(path)
        metadata = {key: value for key, value in (table.schema.metadata or {}).items() if b"sha256" not in key}
        return table.replace_schema_metadata(metadata)
    return path.read_bytes()


def _without_run(document: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(document, list):
        return [_without_run(one) for one in document]
    if not isinstance(document, dict):
        return document
    if str(document.get("path", "")).startswith(("report.", "changes/")):
        return {"path": document["path"]}
    return {
        key: _without_run(value)
        for key, value in document.items()
        if key not in VOLATILE and not key.endswith("manifest_sha256")
    }


def planted_store(home: Path, names: Sequence[str], *, records: int) -> Path:
    """A store of nights, in parts of 100 rows; its persons are looked for in what tests make us say."""
    for seed, name in enumerate(names):
        export, made = home / f"{seed}.xml", exported_at(name)
        ran = command.call(
            "sample", export, f"--records={records}", f"--seed={seed}", f"--exported={made:%Y-%m-%dT%H:%M:%SZ}"
        )
        assert ran.code == 0, ran.err
        discretion.plant_persons(export.read_bytes())
        krr_export.convert(export, home / "store", guard=False, rows_per_file=100)
        assert (home / "store" / name).is_dir()
    return home / "store"
