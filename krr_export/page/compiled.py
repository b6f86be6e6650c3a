"""Compiled templates, kept as Python keeps its modules: beside their sources, where that directory can be written."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import BytecodeCache

if TYPE_CHECKING:
    from jinja2.bccache import Bucket

_SUFFIX = ".jinja"


class CompiledTemplates(BytecodeCache):
    """Saves compiling, which takes ten times as long as making a page of a small export.

    Python's own switches count: ``PYTHONDONTWRITEBYTECODE`` and ``PYTHONPYCACHEPREFIX``. What is kept is used only
    where it was made from the same source by the same versions of Python and Jinja.

    Args:
        templates: the directory of the sources.
    """

    def __init__(self, templates: Path) -> None:
        self._templates = templates

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept, if it fits."""
        with suppress(OSError), self._path(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it, if the directory can be written: two runs at once do each other no harm."""
        if sys.dont_write_bytecode:
            return
        path = self._path(bucket)
        unfinished = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with unfinished.open("xb") as file:
                    bucket.write_bytecode(file)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)

    def _path(self, bucket: Bucket) -> Path:
        # The key is a digest of the template's name and path.
        return Path(cache_from_source(str(self._templates / f"{bucket.key}.py"))).with_suffix(_SUFFIX)
