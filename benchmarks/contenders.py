"""Who takes part: each is a command that is run as a whole process."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
_XSD = str(ROOT / "xsd" / "kontaktregister-export-14-05.xsd")
_PEERS = ROOT / "benchmarks" / "peers"
_KRR_EXPORT = str(Path(sysconfig.get_path("scripts")) / "krr-export")

REFERENCE = "krr-export-2"
"""What all others are compared with."""
DELIVERED = "delivery-2"
"""The same, of an encrypted delivery."""


@dataclass(frozen=True)
class Contender:
    """A way to read an export.

    Attributes:
        name: on the command line and in the results.
        label: for people.
        command: ``SOURCE`` and ``TARGET``, an empty directory, stand for paths; ``KEYS/`` for the source's directory.
        rows: where its Parquet files lie under ``TARGET``; empty: it writes no rows.
        needs: modules and programs that may not be there.
    """

    name: str
    label: str
    command: tuple[str, ...]
    rows: str = ""
    needs: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it is krr-export itself."""
        return self.command[0] == _KRR_EXPORT

    @property
    def missing(self) -> list[str]:
        """What it needs and is not installed."""
        return [name for name in self.needs if shutil.which(name) is None and importlib.util.find_spec(name) is None]

    def command_for(self, source: Path, target: Path) -> list[str]:
        """The command with its paths."""
        paths = {"SOURCE": str(source), "TARGET": str(target)}
        return [paths.get(word, word.replace("KEYS", str(source.parent))) for word in self.command]

    def rows_in(self, target: Path) -> int:
        """How many rows it wrote."""
        return sum(pq.read_metadata(path).num_rows for path in target.glob(self.rows))


def _convert(name: str, label: str, *options: str) -> Contender:
    command = (_KRR_EXPORT, "convert", "SOURCE", "TARGET", "--max-rejects", "100%", *options)
    return Contender(name, f"krr-export convert, {label}", command, "latest/person/*.parquet")


def _validate(name: str, label: str, *options: str) -> Contender:
    command = (_KRR_EXPORT, "validate", "SOURCE", "--max-rejects", "100%", *options)
    return Contender(name, f"krr-export validate, {label}", command)


def _peer(name: str, label: str, script: str, *, rows: str = "*.parquet", needs: tuple[str, ...] = ()) -> Contender:
    command = (sys.executable, str(_PEERS / script), "SOURCE", _XSD, "TARGET")
    return Contender(name, label, command, rows, needs)


CONTENDERS: Sequence[Contender] = (
    _convert(REFERENCE, "2 workers", "--workers", "2"),
    _convert("krr-export-1", "1 worker", "--workers", "1"),
    _convert("iterparse-2", "iterparse, 2 workers", "--workers", "2", "--reader", "iterparse"),
    _convert("iterparse-1", "iterparse, 1 worker", "--workers", "1", "--reader", "iterparse"),
    _convert("no-rules-2", "without the rules", "--workers", "2", "--no-rules"),
    _convert("xsd-only-2", "without rules and profile", "--workers", "2", "--no-rules", "--no-profile"),
    _convert(
        DELIVERED,
        "delivery",
        "--workers",
        "2",
        "--private-key",
        "KEYS/receiver-private.pem",
        "--publisher-cert",
        "KEYS/publisher.pem",
    ),
    _validate("validate-2", "2 workers", "--workers", "2"),
    _peer("handwritten", "hand-written lxml script", "handwritten.py"),
    _peer("xml2arrow", "xml2arrow → Parquet", "xml2arrow_parquet.py", needs=("xml2arrow",)),
    Contender(
        "xmllint",
        "xmllint --stream --schema",
        ("xmllint", "--stream", "--noout", "--schema", _XSD, "SOURCE"),
        needs=("xmllint",),
    ),
    _peer("pandas", "pandas.read_xml → Parquet", "pandas_parquet.py"),
    _peer("xmlschema", "xmlschema, lazy", "xmlschema_errors.py", rows=""),
    _peer(
        "spark", "Spark XML source → Parquet", "spark_parquet.py", rows="person/*.parquet", needs=("pyspark", "java")
    ),
    Contender("version", "krr-export --version", (_KRR_EXPORT, "--version")),
    Contender("help", "krr-export --help", (_KRR_EXPORT, "--help")),
)
