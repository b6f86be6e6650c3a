"""Conversions to look at, and what an independent and naive reading of an export finds in it."""

from __future__ import annotations

import base64
import gzip
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from lxml import etree

from krr_export.input import gzipped, source
from krr_export.parsing import blocks

if TYPE_CHECKING:
    import pytest

    from krr_export.schema.record_schema import RecordSchema

SAMPLES = Path(__file__).parents[2] / "samples"
NAMES = ("valid.xml", "valid.xml.gz", "faulty.xml", "prefixed.xml", "naive.xml", "old-spellings.xml", "16-02.xml")

PERSONAL = ("personidentifikator", "mobiltelefonnummer", "epostadresse", "postkasseadresse")


def version(name: str) -> str:
    """The schema of a sample."""
    return "16-02" if name.startswith("16-02") else "14-05"


def content(path: Path) -> bytes:
    """A sample's XML."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def cut_into(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Have documents cut into blocks of about this size: samples are small, and one block is no work to share."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    # A block is no smaller than what one read gives.
    monkeypatch.setattr(source, "_DELIVERED_BYTES", size)
    monkeypatch.setattr(gzipped, "_PIECE_BYTES", size)


@dataclass(frozen=True)
class Naive:
    """One record, as read without anything of the package but its list of fields."""

    number: int
    offset: int
    line: int
    valid: bool
    values: dict[str, Any]
    """Typed; of a record that is not valid, whatever could be found."""


def read_naively(data: bytes, schema: RecordSchema) -> list[Naive]:
    """The records of a document with a default or a single prefix and no comments: such as all samples are."""
    root = etree.fromstring(data)
    validator = etree.XMLSchema(etree.parse(schema.record_xsd))
    starts = [match.start() for match in re.finditer(rb"<(?:\w+:)?Person[\s>]", data)]
    records = []
    for number, (element, offset) in enumerate(zip(root, starts, strict=True), start=1):
        texts = {field.name: _text(element, field.path) for field in schema.fields}
        values = {"radnummer": number} | {
            field.name: typed(texts[field.name], field.arrow_type) for field in schema.fields
        }
        valid = validator.validate(etree.fromstring(etree.tostring(element))) and _is_base64(texts["x509_sertifikat"])
        records.append(Naive(number, offset, data.count(b"\n", 0, offset) + 1, valid, values))
    return records


def _text(element: etree._Element, path: tuple[str, ...]) -> str | None:
    """What stands at a path, by local names."""
    *names, last = path
    for name in [*names, *([] if last.startswith("@") else [last])]:
        found = element.xpath(f"*[local-name() = '{name}']")
        if not isinstance(found, list) or not found or not isinstance(found[0], etree._Element):  # noqa: SLF001 - its only name
            return None
        element = found[0]
    return element.get(last[1:]) if last.startswith("@") else "".join(map(str, element.itertext()))


def typed(text: str | None, kind: pa.DataType) -> Any:  # noqa: ANN401 - whatever the column holds
    if text is None:
        return None
    if pa.types.is_timestamp(kind):
        return _instant(text)
    if pa.types.is_binary(kind):
        return base64.b64decode(text) if _is_base64(text) else None
    return text


def _instant(text: str) -> datetime | None:
    """A date and time in UTC; without an offset it is Norwegian; what Python has no time for is null."""
    day = timedelta(days=1) if "T24:" in text else timedelta()
    try:
        moment = datetime.fromisoformat(text.replace("T24:", "T00:")) + day
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo("Europe/Oslo"))).astimezone(UTC)


def _is_base64(text: str | None) -> bool:
    try:
        return text is None or base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False
