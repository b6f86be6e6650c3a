"""Compiled templates, kept beside their sources."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING

from jinja2 import BytecodeCache

from krr_export.util import pycache

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2.bccache import Bucket


class CompiledTemplates(BytecodeCache):
    """Saves compiling, which takes ten times as long as making a page of a small export.

    What is kept is used only where it was made from the same source by the same versions of Python and Jinja.

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
        """Keep it, if the directory can be written."""
        content = BytesIO()
        bucket.write_bytecode(content)
        pycache.keep(self._path(bucket), content.getvalue())

    def _path(self, bucket: Bucket) -> Path:
        # The key is a digest of the template's name and path.
        return pycache.path_for(self._templates / bucket.key, ".jinja")
