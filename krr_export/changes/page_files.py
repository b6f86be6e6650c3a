"""Files of pages: found in files and directories, recognised by their beginning, and read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from krr_export.changes.rest_page import read_rest_pages
from krr_export.changes.soap_page import read_soap_page
from krr_export.errors import InputError
from krr_export.input.gzipped import MAGIC, inflate
from krr_export.input.http.rest_document import AGAIN, MAX_BYTES
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from krr_export.changes.page import Page
    from krr_export.schema.record_schema import RecordSchema

_PIECE_BYTES = 1 << 14
"""Small, since what follows a member is copied: a file may have as many members as it has room for."""
_SUFFIXES = (".xml", ".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class PageFile:
    """A file of one or several pages.

    Attributes:
        path: of the file, plain or gzip.
    """

    path: Path

    def pages(self, schema: RecordSchema) -> Iterator[Page]:
        """Yield the pages in it.

        Args:
            schema: of the records that their persons become.

        Raises:
            InputError: it cannot be read, or is no page.
        """
        delivered = self._read()
        # A name need not be UTF-8, and the manifest is.
        name = os.fsencode(self.path.name).decode("utf-8", "replace")
        content = _inflate(name, delivered) if delivered.startswith(MAGIC) else delivered
        sha256 = hashlib.sha256(content).hexdigest()  # the same page, compressed or not, is the same
        beginning = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if beginning == b"{":
            yield from read_rest_pages(name, content, sha256, schema)
        elif beginning == b"<" or content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            yield read_soap_page(name, content, sha256, schema)
        else:
            raise InputError(f"{name} is no page of changes", "pages are XML of the web service, or JSON of REST")

    def _read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read", error.strerror) from None
        if len(content) > MAX_BYTES:
            raise _too_large(self.path.name)
        return content


def find_page_files(given: Iterable[Path]) -> list[PageFile]:
    """Return the files of pages; of a directory, those whose names end as pages' do, also compressed.

    Raises:
        InputError: there is no such file, or no page in a directory.
        UsageError: a path is not local.
    """
    found: list[PageFile] = []
    for path in map(local_path, given):
        if not path.exists():
            raise InputError(f"there is nothing at {path}", "give files or directories of pages")
        files = sorted(one for one in path.iterdir() if _is_named_as_page(one.name)) if path.is_dir() else [path]
        if odd := next((one for one in files if not one.is_file()), None):
            raise InputError(f"{odd} is no file", "move it away")
        if not files:
            raise InputError(
                f"there are no pages in {path}", f"their names end in {', '.join(_SUFFIXES)}, or .gz after it"
            )
        found += map(PageFile, files)
    return found


def _is_named_as_page(name: str) -> bool:
    return not name.startswith(".") and name.removesuffix(".gz").endswith(_SUFFIXES)


def _inflate(name: str, content: bytes) -> bytes:
    """Return the content of a gzip file, of all its members: files of gzip may be put one after the other."""
    delivered, inflated, room = BytesIO(content), list[bytes](), MAX_BYTES
    pieces = inflate(iter(lambda: delivered.read(_PIECE_BYTES), b""), delivered.tell)
    while room >= 0:
        try:
            piece = next(pieces, None)
        except InputError as error:
            raise InputError(f"{name} is damaged: {error.message}", AGAIN) from None
        if piece is None:
            return b"".join(inflated)
        inflated.append(piece)
        room -= len(piece)
    raise _too_large(name)


def _too_large(name: str) -> InputError:
    return InputError(f"{name} is larger than a page can be ({MAX_BYTES >> 20} MiB)", "is it an export?")
