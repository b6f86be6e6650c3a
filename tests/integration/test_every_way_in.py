"""Each encoding, by each way in, for any number of workers: over several blocks the same rows, the same faults."""

from __future__ import annotations

import gzip
import io
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import deliveries
import pytest
from conversions import cut_into
from exports.tiny_xml import export, person

import krr_export
from krr_export.errors import InputError
from krr_export.input.delivery.opening import DeliveryOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

BLOCK = 1 << 14
RECORDS = 600
"""Some ten blocks."""
BAD_FROM = 500
ENCODINGS = ("UTF-8", "ISO-8859-1", "ISO-8859-15", "windows-1252", "US-ASCII", "UTF-16", "UTF-16LE")
WAYS = ("file", "gzip", "pipe", "stream", "delivery")

UNDECODABLE = {
    "UTF-8": b"\xff",
    "US-ASCII": b"\xe5",
    "windows-1252": b"\x81",
    "UTF-16": b"\x00\xdc",
    "UTF-16LE": b"\x00\xdc",
}
"""Bytes that stand for nothing; every byte stands for something in ISO-8859."""


def document(encoding: str, text: str = "blåbær") -> bytes:
    written = text.replace("å", "&#229;").replace("æ", "&#230;") if encoding == "US-ASCII" else text
    one = person(f"<beskrivelse>{written}</beskrivelse>")
    data = export(*[one] * RECORDS, encoding=encoding)
    return data if encoding != "UTF-16LE" else b"\xff\xfe" + data


def truncated(encoding: str) -> bytes:
    """A document that ends late, within a record."""
    return document(encoding)[:-100]


def undecodable(encoding: str) -> bytes:
    """A document with a byte that stands for nothing, late."""
    data = document(encoding)
    mark = "</beskrivelse>".encode("UTF-16LE" if encoding.startswith("UTF-16") else encoding)
    at = len(data)
    for _ in range(RECORDS - BAD_FROM):
        at = data.rindex(mark, 0, at)
    return data[:at] + UNDECODABLE[encoding] + data[at:]


@contextmanager
def arriving(data: bytes, way: str, directory: Path) -> Iterator[tuple[str | BinaryIO, DeliveryOptions]]:
    """What to open, and with what options, so that a document comes this way."""
    file = directory / "export.xml"
    match way:
        case "file":
            file.write_bytes(data)
            yield str(file), DeliveryOptions()
        case "gzip":
            file.write_bytes(gzip.compress(data, 1))
            yield str(file), DeliveryOptions()
        case "stream":
            yield io.BytesIO(data), DeliveryOptions()
        case "delivery":
            inbox = deliveries.make_set_of(directory / "inbox", gzip.compress(data, 1)).parent
            keys = deliveries.keys_in(directory / "keys")
            options = DeliveryOptions(private_key=keys.private_key, publisher_cert=keys.publisher_cert)
            yield str(inbox), options
        case _:
            with through_a_pipe(data) as reader:
                yield reader, DeliveryOptions()


@contextmanager
def through_a_pipe(data: bytes) -> Iterator[BinaryIO]:
    reading, writing = os.pipe()

    def write() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(data)
        except BrokenPipeError:  # the reader has seen enough
            pass

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as reader:
        yield reader
    writer.join()


def verdict(data: bytes, way: str, workers: int, directory: Path) -> str:
    """What is said of a document: its rows counted, or the error without the file's name."""
    directory.mkdir()
    with arriving(data, way, directory) as (opened, options):
        try:
            report = krr_export.validate(opened, workers=workers, rules=False, profile=False, delivery=options)
        except InputError as error:
            return error.message.partition(": ")[2]
    return f"{report.counts.written} written"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into(monkeypatch, BLOCK)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_good_document_is_read_whole(tmp_path: Path, encoding: str, way: str) -> None:
    data = document(encoding)
    for workers in (0, 1, 2, 5):
        assert verdict(data, way, workers, tmp_path / str(workers)) == f"{RECORDS} written"


@pytest.mark.parametrize("way", ["file", "gzip"])
@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "UTF-16"])
def test_a_truncated_document_is_refused_at_its_place(tmp_path: Path, encoding: str, way: str) -> None:
    said = [verdict(truncated(encoding), way, workers, tmp_path / str(workers)) for workers in (0, 1, 2)]
    assert said[0] == said[1]
    assert "truncated" in said[0]


@pytest.mark.parametrize("way", ["file", "gzip"])
@pytest.mark.parametrize("encoding", UNDECODABLE)
def test_an_undecodable_byte_is_told_at_its_place(tmp_path: Path, encoding: str, way: str) -> None:
    said = [verdict(undecodable(encoding), way, workers, tmp_path / str(workers)) for workers in (0, 1, 2)]
    assert said[0] == said[1]
    assert "written" not in said[0]
    assert f"not valid {encoding.upper()}" in said[0] or "line" in said[0]
