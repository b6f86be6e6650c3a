"""Documents of the store as typed structs: written as JSON, and read back with size, form and every type checked.

A struct's docstring describes its fields; the published JSON Schemas are made from both.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from krr_export.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 28
"""No manifest or report comes near this size; a larger file is something else, and is not read into memory."""

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number; all of the store's fit into xs:long."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A whole number from 0."""

PositiveInt = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""A whole number from 1."""

NonNegativeFloat = Annotated[float, Meta(ge=0)]
"""A number from 0."""

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
"""A digest, in lower-case hexadecimal."""

UtcTime = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z$(?!\n)")]
"""A time in UTC, ISO 8601."""

_Document = TypeVar("_Document", bound="Document")
_decoders: dict[type[Document], msgspec.json.Decoder[Any]] = {}
_building = threading.Lock()


class Stored(msgspec.Struct, frozen=True):
    """A document of the store, or a part of one. Fields with a default may be absent in older documents."""

    def to_dict(self) -> dict[str, Any]:
        """Return the document as JSON is read: lists and dictionaries; every key is always present."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return document

    def to_json(self) -> str:
        """Return the document as indented JSON, ended by a line feed."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"


class Document(Stored, frozen=True):
    """A whole document. Its version is the tag of its class.

    It is another if a key changes or goes, or has a new listed value. Keys may be added. Unknown ones are ignored when
    it is read: a later version of the tool may have added them.
    """

    def to_json(self) -> str:
        """Return the document as indented JSON, ended by a line feed; what could not be read back is not written.

        Raises:
            msgspec.ValidationError: a value is out of its bounds, which is a fault of the program.
        """
        text = super().to_json()
        _decoder(type(self)).decode(text)
        return text


def _decoder(kind: type[_Document]) -> msgspec.json.Decoder[_Document]:
    """Return the decoder of a class, made by one thread alone.

    msgspec 0.22 looks at a class when it first decodes one, and two threads that do so together end the process by a
    segmentation fault.
    """
    with _building:
        if kind not in _decoders:
            _decoders[kind] = msgspec.json.Decoder(kind)
        return _decoders[kind]


def decode_document(kind: type[_Document], content: str | bytes, name: str) -> _Document:
    """Decode a document of the store.

    Args:
        kind: the document's class.
        content: JSON by RFC 8259, which has neither ``NaN`` nor ``Infinity``.
        name: of the file, for the error.

    Raises:
        InputError: it is not JSON, is nested too deeply, is of another version, or a value in it is missing or of
            another type. The library's own message may quote a value, so it is not passed on.
    """
    config = kind.__struct_config__
    try:
        version = msgspec.json.decode(content, type=dict[str, msgspec.Raw])[str(config.tag_field)]
        if bytes(version) == str(config.tag).encode():
            return _decoder(kind).decode(content)
        msgspec.json.decode(version, type=Int64)  # a version that is no number is damage
    except (msgspec.MsgspecError, KeyError, UnicodeError, RecursionError):
        raise InputError(f"{name} is damaged or not of this tool") from None
    raise InputError(f"{name} is of another version", "use the version of krr-export that wrote it")


def read_stored_file(path: Path) -> bytes:
    """Return the content of a file of the store.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger than `MAX_BYTES`.
    """
    # Without O_NONBLOCK, opening a named pipe would wait here for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return file.read()
