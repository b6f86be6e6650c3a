"""Columns derived from certificates; each distinct one is parsed once in a batch."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.certificates import load_certificate
from krr_export.domain.times import EPOCH, MICROSECOND
from krr_export.domain.vocabulary import CERTIFICATE
from krr_export.parsing.columns import INSTANT

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.transform.inputs import Inputs


def fingerprint(inputs: Inputs) -> pa.StringArray:
    """Return SHA-256 of each certificate's DER, 64 lower-case hexadecimal digits; null if there is none."""
    return _map_distinct(inputs[CERTIFICATE], lambda der: hashlib.sha256(der).hexdigest(), pa.string())


def expiry(inputs: Inputs) -> pa.TimestampArray:
    """Return when each certificate expires (RFC 5280, notAfter); null if there is none, or it is not a certificate."""
    return _map_distinct(inputs[CERTIFICATE], _not_after, pa.int64()).view(INSTANT)


def _map_distinct(column: pa.Array, make: Callable[[bytes], object], kind: pa.DataType) -> pa.Array:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    made = [make(der) for der in encoded.dictionary.to_pylist()]
    return pa.array(made, kind).take(encoded.indices)


def _not_after(der: bytes) -> int | None:
    certificate = load_certificate(der)
    return (certificate.not_valid_after_utc - EPOCH) // MICROSECOND if certificate else None
