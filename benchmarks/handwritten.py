"""The script that anyone would write by hand: what the tool is measured against.

``iterparse`` with the schema, a Python loop over the records, ``ParquetWriter``. It validates, but stops at the first
error, without saying which record it was in; it does not check what it wrote, and leaves half a file when it fails.
"""

from __future__ import annotations

import argparse
import base64
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from lxml import etree

NAMESPACE = "{http://begrep.difi.no}"
ROWS = 100_000
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    {
        "personidentifikator": pa.string(),
        "reservasjon": pa.string(),
        "status": pa.string(),
        "beskrivelse": pa.string(),
        "mobiltelefonnummer": pa.string(),
        "mobiltelefonnummer_sist_oppdatert": TIME,
        "mobiltelefonnummer_sist_verifisert": TIME,
        "epostadresse": pa.string(),
        "epostadresse_sist_oppdatert": TIME,
        "epostadresse_sist_verifisert": TIME,
        "postkasseadresse": pa.string(),
        "postkasseleverandoer_adresse": pa.string(),
        "x509_sertifikat": pa.binary(),
    }
)


def main() -> None:
    """Convert an export to one Parquet file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("xsd", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    schema = etree.XMLSchema(etree.parse(arguments.xsd))
    rows: list[dict[str, object]] = []
    with pq.ParquetWriter(arguments.target, SCHEMA, compression="zstd") as writer:
        events = etree.iterparse(arguments.source, events=("end",), tag=f"{NAMESPACE}Person", schema=schema)
        for _, person in events:
            rows.append(_row(person))
            person.clear()
            while person.getprevious() is not None:
                del person.getparent()[0]  # type: ignore[union-attr]  # a sibling has a parent
            if len(rows) == ROWS:
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                rows.clear()
        writer.write_table(pa.Table.from_pylist(rows, SCHEMA))


def _row(person: etree._Element) -> dict[str, object]:
    def text(path: str) -> str | None:
        return person.findtext(path.replace("#", NAMESPACE))

    row: dict[str, object] = {
        "personidentifikator": text("#personidentifikator"),
        "reservasjon": text("#reservasjon"),
        "status": text("#status"),
        "beskrivelse": text("#beskrivelse"),
        "postkasseadresse": text("#SikkerDigitalPostAdresse/#postkasseadresse"),
        "postkasseleverandoer_adresse": text("#SikkerDigitalPostAdresse/#postkasseleverandoerAdresse"),
    }
    for name in ("Mobiltelefonnummer", "Epostadresse"):
        channel = person.find(f"{NAMESPACE}Kontaktinformasjon/{NAMESPACE}{name}")
        if channel is not None:
            row[name.lower()] = channel.text
            row[f"{name.lower()}_sist_oppdatert"] = _time(channel.get("sistOppdatert"))
            row[f"{name.lower()}_sist_verifisert"] = _time(channel.get("sistVerifisert"))
    certificate = text("#X509Sertifikat")
    row["x509_sertifikat"] = base64.b64decode(certificate) if certificate else None
    return row


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


if __name__ == "__main__":
    main()
