"""The schemas that the package carries, flattened once and cached on disk: flattening takes half of a short run."""

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
_SOURCES = ("loader.py", "record_schema.py", "built_in.py")
_DIGEST_BYTES = hashlib.sha256().digest_size


@cache
def built_in_schema(name: str) -> RecordSchema:
    """Return the record schema of a version that the package carries; it is loaded once in a process, and frozen."""
    path = pycache.path_for(_HERE / f"schema-{name}", ".schema")
    key = _cache_key()
    schema = _load_cached(path, key)
    if schema is None:
        from krr_export.schema.loader import flatten  # noqa: PLC0415 - it imports xmlschema, which is slow: the cache saves that

        schema = flatten(name, _XSD / f"kontaktregister-export-{name}.xsd")
        content = pickle.dumps(schema)
        pycache.keep(path, key + hashlib.sha256(content).digest() + content)
    return schema


def _load_cached(path: Path, key: bytes) -> RecordSchema | None:
    """Return the cached schema, if it is complete and its key is this one."""
    try:
        cached = path.read_bytes()
    except OSError:
        return None
    content = cached[2 * _DIGEST_BYTES :]
    if cached[: 2 * _DIGEST_BYTES] != key + hashlib.sha256(content).digest():
        return None
    schema: RecordSchema = pickle.loads(content)  # noqa: S301 - it is beside our own bytecode, and as well protected
    return schema


def _cache_key() -> bytes:
    """Return a digest of everything that a flattened schema depends on, and of where that is."""
    digest = hashlib.sha256(repr((str(_HERE), sys.version, pa.__version__)).encode())
    for path in (*sorted(_XSD.glob("*.xsd")), *(_HERE / source for source in _SOURCES)):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.digest()
