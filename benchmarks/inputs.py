"""The synthetic exports that are measured on: made once, then kept."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from krr_export.domain.times import NORWAY
from krr_export.synthetic import SampleOptions, expected_path, write_sample, write_sample_file
from krr_export.synthetic.sealing import make_keys, seal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_UNITS = {"MB": 10**6, "GB": 10**9}
_PROBE = 2000
"""Records that tell how long one is on the average."""
_GZIP_SHARE = 0.15
_DELIVERY = ".delivery"
"""Ends the name of an input that is a delivery: a directory of the set and of the keys that open it."""
_STAMP = datetime(2026, 2, 26, 12, 22, 25, tzinfo=NORWAY)
_ORGNR = "991825827"
_OUTPUT_SHARE = 0.3
"""Of the XML, at most."""


@dataclass(frozen=True)
class Input:
    """An export to be made: so many bytes of XML, or so many records.

    Attributes:
        name: also the file's.
        what: for people.
        octets: of XML, about; 0 where ``records`` says it.
        style: changes to ``SampleOptions``.
    """

    name: str
    what: str
    octets: int = 0
    records: int = 0
    style: dict[str, Any] = field(default_factory=dict)

    def path(self, directory: Path) -> Path:
        """Where it lies."""
        if self.name.endswith(_DELIVERY):
            return directory / self.name / f"Kontaktregister-{_STAMP:%Y%m%dT%H%M%S}.gz.enc"
        stem, dot, gz = self.name.partition(".gz")
        return directory / f"{stem}.xml{dot}{gz}"


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        what: for people.
        octets: of XML, exactly; not those of the compressed file.
        records: all of them.
        rejected: those that must be refused.
    """

    what: str
    octets: int
    records: int
    rejected: int


def octets_of(size: str) -> int:
    """``0.5GB`` → 500 000 000.

    Raises:
        ValueError: it is no such size.
    """
    match = re.fullmatch(r"([\d.]+)(MB|GB)", size)
    if match is None:
        raise ValueError(f"{size} is not a size such as 500MB or 2GB")
    return round(float(match[1]) * _UNITS[match[2]])


def size_name(octets: int) -> str:
    """500 000 000 → ``500MB``."""
    return f"{octets / 10**9:g}GB" if octets >= 10**9 else f"{octets / 10**6:g}MB"


def make(wanted: Input, directory: Path) -> Made:
    """The export's facts; it is made first, if it is not there."""
    path = wanted.path(directory)
    facts = _facts_path(wanted, directory)
    if facts.exists() and path.exists():
        return Made(**json.loads(facts.read_text()))
    if wanted.name.endswith(_DELIVERY):
        made = _delivered(wanted, directory)
        facts.write_text(json.dumps(asdict(made)))
        return made
    records = wanted.records or round(wanted.octets / _octets_per_record(wanted.style))
    summary = write_sample_file(path, SampleOptions(records=records, **wanted.style))
    expected_path(path).unlink()
    made = Made(wanted.what, summary.octets, summary.records, summary.rejected)
    facts.write_text(json.dumps(asdict(made)))  # last: it says that the export is whole
    return made


def _delivered(wanted: Input, directory: Path) -> Made:
    """The gzip of the same size, sealed for keys that are made for it."""
    packed = Input(f"{wanted.name.removesuffix(_DELIVERY)}.gz", "gzip", wanted.octets)
    made = make(packed, directory)
    where = wanted.path(directory).parent
    shutil.rmtree(where, ignore_errors=True)  # what an interruption left
    keys = make_keys(where, orgnr=_ORGNR)
    seal(
        packed.path(directory), where, recipient=keys.receiver, orgnr=_ORGNR, signing_key=keys.publisher_private,
        passphrase=lambda: None, stamp=_STAMP,
    )  # fmt: skip
    return replace(made, what=wanted.what)


def missing(inputs: Iterable[Input], directory: Path) -> list[Input]:
    """Those that are to be made."""
    return [wanted for wanted in inputs if not _facts_path(wanted, directory).exists()]


def lacking_space(inputs: list[Input], directory: Path) -> str | None:
    """What is to be said if the exports and the largest output do not fit on the disk."""
    to_make = missing(inputs, directory)
    exports = sum(
        wanted.octets * (_GZIP_SHARE if wanted.name.endswith((".gz", _DELIVERY)) else 1) for wanted in to_make
    )
    needed = exports + _OUTPUT_SHARE * max(wanted.octets for wanted in inputs)
    free = shutil.disk_usage(directory).free
    if needed < free:
        return None
    return f"{directory} has {free / 1e9:.1f} GB free; the exports and what is made of them take {needed / 1e9:.1f} GB"


def warm(path: Path) -> None:
    """Read the file once, so that all find it in the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 22):
            pass


def _facts_path(wanted: Input, directory: Path) -> Path:
    return directory / f"{wanted.name}.json"


def _octets_per_record(style: dict[str, Any]) -> float:
    return write_sample(io.BytesIO(), SampleOptions(records=_PROBE, **style)).octets / _PROBE
