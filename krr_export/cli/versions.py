"""The lines of ``krr-export --version -v``: the reader and the libraries, which explain an installation's speed."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from krr_export.parsing.reference import LIBXML2_VERSION
from krr_export.parsing.scanning import IS_BUILT, NOT_BUILT

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBRARIES = ("lxml", "pyarrow", "numpy", "isal", "xmlschema", "cryptography", "click")


def lines() -> Iterator[str]:
    """Yield the reader, Python and the libraries, one line each."""
    yield f"reader: {'the compiled scanner, and iterparse for unusual records' if IS_BUILT else NOT_BUILT}"
    yield f"python {platform.python_version()}, {platform.machine()}"
    for name in _LIBRARIES:
        yield f"{name} {version(name)}"
    yield f"libxml2 {LIBXML2_VERSION}"
