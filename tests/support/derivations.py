"""Derived columns of records that are given as values by column, and the moments that they are judged at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export.schema.registry import load_schema
from krr_export.transform import ALL, DeriveOptions, build_derivation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXPORTED = datetime(2026, 2, 26, 11, 22, 25, tzinfo=UTC)
IDENTIFIER = "03851598730"


def batch(records: Iterable[Mapping[str, Any]], schema: str = "14-05") -> pa.RecordBatch:
    """Records as parsing gives them."""
    known = load_schema(schema).arrow
    rows = [{"radnummer": number, "personidentifikator": IDENTIFIER, **row} for number, row in enumerate(records, 1)]
    return pa.RecordBatch.from_pylist(rows, schema=known)


def derive(
    records: Iterable[Mapping[str, Any]], *names: str, exported: datetime = EXPORTED, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """What is derived of each record."""
    derivation = build_derivation(load_schema(), exported, DeriveOptions(names or (ALL,), as_of))
    derived = derivation.apply(batch(records))
    derived.validate(full=True)
    rows: list[dict[str, Any]] = derived.select([column for _, column in derivation.columns]).to_pylist()
    return rows
