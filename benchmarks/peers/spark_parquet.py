"""Spark's XML source with validation of each row, on all cores. A row that is refused becomes one of nulls.

Spark takes one record element out of its document and so out of its namespace declarations, and validates it against
the XSD's global elements: that works only when the namespaces are stripped from the XSD. Columns stay strings.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pyspark.sql import SparkSession  # type: ignore[import-not-found,unused-ignore]  # installed only to be measured

FIELDS = """
    personidentifikator STRING, reservasjon STRING, status STRING, beskrivelse STRING,
    Kontaktinformasjon STRUCT<
        Mobiltelefonnummer: STRUCT<_VALUE: STRING, _sistOppdatert: STRING, _sistVerifisert: STRING>,
        Epostadresse: STRUCT<_VALUE: STRING, _sistOppdatert: STRING, _sistVerifisert: STRING>>,
    SikkerDigitalPostAdresse STRUCT<postkasseadresse: STRING, postkasseleverandoerAdresse: STRING>,
    X509Sertifikat STRING
"""


def main(source: Path, xsd: Path, target: Path) -> None:
    """Convert an export to a directory of Parquet files."""
    stripped = target / "person.xsd"
    stripped.write_text(without_namespaces(persons_schema(xsd)), encoding="utf-8")
    spark = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
    persons = (
        spark.read.format("xml")
        .schema(FIELDS)
        .options(rowTag="Person", rowValidationXSDPath=str(stripped), ignoreNamespace=True)
        .load(str(source))
    )
    persons.write.option("compression", "zstd").parquet(str(target / "person"))
    spark.stop()


def persons_schema(xsd: Path) -> str:
    """The text of the schema that the export's imports: it declares Person."""
    imported = re.search(r'schemaLocation="([^"]+)"', xsd.read_text(encoding="utf-8"))
    if imported is None:
        raise SystemExit(f"{xsd} imports no schema")
    return (xsd.parent / imported[1]).read_text(encoding="utf-8")


def without_namespaces(schema: str) -> str:
    """A schema for elements in no namespace."""
    prefixes = [match[1] for match in re.finditer(r'xmlns:(\w+)="http://begrep\.difi\.no"', schema)]
    schema = re.sub(r'\s(targetNamespace|xmlns(:\w+)?)="http://begrep\.difi\.no"', "", schema)
    return re.sub(rf'"({"|".join(prefixes)}):', '"', schema) if prefixes else schema


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
