"""A cache, beside the package's files, of results that are slow to compute from them; in ``__pycache__``, if writable.

Python's own switches apply: ``PYTHONDONTWRITEBYTECODE`` and ``PYTHONPYCACHEPREFIX``.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path


def cache_path(name: Path, suffix: str) -> Path:
    """Return the path of a cached result.

    Args:
        name: a file beside which the cache is placed; it need not exist. The cache's name also contains the
            implementation and version of Python.
        suffix: of the cache file.
    """
    return Path(cache_from_source(f"{name}.py")).with_suffix(suffix)


def write_cache(path: Path, content: bytes) -> None:
    """Write a cache file atomically, if the directory is writable; concurrent runs are safe."""
    if sys.dont_write_bytecode:
        return
    temporary = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
