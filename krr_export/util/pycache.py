"""What takes long to make of the package's own files: kept beside them, as Python keeps its modules, if it may write.

Python's own switches count: ``PYTHONDONTWRITEBYTECODE`` and ``PYTHONPYCACHEPREFIX``.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path


def path_for(name: Path, suffix: str) -> Path:
    """Where something is kept.

    Args:
        name: of a file beside which it is kept, which need not be there; what it is made by, and Python's version, are
            in the name that is made of it.
        suffix: of the file that keeps it.
    """
    return Path(cache_from_source(f"{name}.py")).with_suffix(suffix)


def keep(path: Path, content: bytes) -> None:
    """Keep something, if the directory can be written: two runs at once do each other no harm."""
    if sys.dont_write_bytecode:
        return
    unfinished = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("xb") as file:
                file.write(content)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
