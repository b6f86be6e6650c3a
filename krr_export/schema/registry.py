"""The schemas by name: those that the package carries, flattened once and cached, and the XSD files of users."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.errors import UsageError
from krr_export.schema.record_schema import BUILT_IN
from krr_export.util import pycache
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import printable
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema

_HERE = Path(__file__).parent
XSD = _HERE.parent / "xsd"
"""The directory of the schemas that the package carries."""
_SOURCES = ("loader.py", "record_schema.py", "registry.py")
_DIGEST_BYTES = hashlib.sha256().digest_size


@refuse_wrong_options(spec=StrPath)
def load_schema(spec: StrPath = "14-05") -> RecordSchema:
    """Read the record schema of a built-in version or of an XSD file.

    Args:
        spec: ``14-05``, ``16-02``, or the path of an XSD: of the whole export, or of its record alone
            (the root is then the built-in one).

    Raises:
        UsageError: there is no such schema, it is not a valid XSD, or it cannot be flattened into columns.
    """
    if str(spec) in BUILT_IN:
        return _built_in_schema(str(spec))
    path = local_path(spec)
    if not path.is_file():
        raise UsageError(f"no schema {str(spec)!r}", f"give {' or '.join(BUILT_IN)}, or the path of an XSD file")
    from krr_export.schema.loader import flatten  # noqa: PLC0415 - only an own XSD pays for the slow import of xmlschema

    name = printable(os.fsencode(path.stem).decode(errors="replace"))
    return flatten(name, path, lambda: _built_in_schema(BUILT_IN[0]))


@cache
def _built_in_schema(name: str) -> RecordSchema:
    """Return the record schema of a version that the package carries; it is loaded once in a process, and frozen."""
    path = pycache.cache_path(_HERE / f"schema-{name}", ".schema")
    key = _cache_key()
    schema = _load_cached(path, key)
    if schema is None:
        from krr_export.schema.loader import flatten  # noqa: PLC0415 - it imports xmlschema, which is slow: the cache saves that

        schema = flatten(name, XSD / f"kontaktregister-export-{name}.xsd")
        content = pickle.dumps(schema)
        pycache.write_cache(path, key + hashlib.sha256(content).digest() + content)
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
    for path in (*sorted(XSD.glob("*.xsd")), *(_HERE / source for source in _SOURCES)):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.digest()
