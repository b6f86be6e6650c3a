"""``pandas.read_xml`` in its streaming form, then ``to_parquet``. It does not validate, and holds the whole table.

``iterparse`` takes elements and attributes by their local names alone: the timestamps of phone and e-mail, which are
attributes of the same names on both, cannot be told apart, so they are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

COLUMNS = [
    "personidentifikator",
    "reservasjon",
    "status",
    "beskrivelse",
    "Mobiltelefonnummer",
    "Epostadresse",
    "postkasseadresse",
    "postkasseleverandoerAdresse",
    "X509Sertifikat",
]


def main(source: Path, _xsd: Path, target: Path) -> None:
    """Convert an export to one Parquet file."""
    persons = pd.read_xml(source, iterparse={"Person": COLUMNS}, dtype=dict.fromkeys(COLUMNS, "string"))
    persons.to_parquet(target / "person.parquet", compression="zstd")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
