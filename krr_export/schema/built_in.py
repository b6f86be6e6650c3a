"""The schemas that the package carries, flattened once and kept: to do so takes half of a short run."""

from __future__ import annotations

import hashlib
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.util import pycache

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema

_HERE = Path(__file__).parent
_XSD = _HERE.parent / "xsd"
_MAKERS = ("loader.py", "record_schema.py", "built_in.py")
_DIGEST_BYTES = hashlib.sha256().digest_size


@cache
def built_in_schema(name: str) -> RecordSchema:
    """The record schema of a version that the package carries; it is made once in a process, and frozen."""
    path = pycache.cache_path(_HERE / f"schema-{name}", ".schema")
    key = _key()
    known = _kept(path, key)
    if known is None:
        from krr_export.schema.loader import flatten  # noqa: PLC0415 - it loads xmlschema, which is what all this saves

        known = flatten(name, _XSD / f"kontaktregister-export-{name}.xsd")
        content = pickle.dumps(known)
        pycache.write_cache(path, key + hashlib.sha256(content).digest() + content)
    return known


def _kept(path: Path, key: bytes) -> RecordSchema | None:
    """What was kept, if it is whole and was made of the same."""
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    content = kept[2 * _DIGEST_BYTES :]
    if kept[: 2 * _DIGEST_BYTES] != key + hashlib.sha256(content).digest():
        return None
    schema: RecordSchema = pickle.loads(content)  # noqa: S301 - it lies beside our own bytecode, as well guarded
    return schema


def _key() -> bytes:
    """A digest of all that a flattened schema is made of, and where."""
    digest = hashlib.sha256(repr((str(_HERE), sys.version, pa.__version__)).encode())
    for path in (*sorted(_XSD.glob("*.xsd")), *(_HERE / maker for maker in _MAKERS)):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.digest()
