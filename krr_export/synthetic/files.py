"""Sample files: the export, compressed or not, and beside it the findings that a reader must report."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from isal import igzip_threaded

from krr_export.errors import InputError
from krr_export.output.outputs import atomic_write
from krr_export.synthetic.fault_injection import ExpectedFinding
from krr_export.synthetic.writer import SampleSummary, write_sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.synthetic.options import SampleOptions

_EXPECTED_HEAD = '{"findings": ['


@contextmanager
def open_sample_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write a sample to, compressed where its name ends in ``.gz``, with no time in the gzip header."""
    with atomic_write(path) as file:
        if path.suffix != ".gz":
            yield file
            return
        with igzip_threaded.open(file, "wb", threads=1) as compressed:  # type: ignore[no-untyped-call]  # isal: untyped
            yield cast("BinaryIO", compressed)


def expected_path(path: Path) -> Path:
    """Return the path of a sample's expected findings: ``OUT.xml`` → ``OUT.xml.expected.json``."""
    return path.with_name(f"{path.name}.expected.json")


def write_sample_file(path: Path, options: SampleOptions) -> SampleSummary:
    """Write a sample and, beside it, its expected findings, both in flat memory.

    The expected findings are one JSON object: ``findings`` lists them (one on each line, in order of records:
    ``record``, ``code``, ``field``, ``fault``), followed by the ``seen`` and ``rejected`` records, and under ``totals``
    for each code the number of its ``findings`` and ``records``. A reader may miss some findings of a rejected record,
    since validators skip what follows an unknown element; the records of a code are exact.

    Raises:
        UsageError: the schema requires a value that cannot be made, or the files would be in a snapshot.
        OSError: the files cannot be written.
    """
    with (
        open_sample_file(path) as out,
        atomic_write(expected_path(path)) as beside,
        io.TextIOWrapper(beside, encoding="utf-8", newline="\n") as text,
    ):
        expected = ExpectedFile(text)
        summary = write_sample(out, options, expected.note)
        expected.close(summary)
    return summary


@dataclass
class ExpectedFile:
    """Streams the expected findings, of which there may be millions."""

    text: TextIO
    separator: str = field(default="\n", init=False)

    def __post_init__(self) -> None:
        self.text.write(_EXPECTED_HEAD)

    def note(self, planted: ExpectedFinding) -> None:
        """Write one finding."""
        self.text.write(f"{self.separator}{json.dumps(planted._asdict())}")
        self.separator = ",\n"

    def close(self, summary: SampleSummary, **more: object) -> None:
        """Write the counts, and what more is known of the sample by its key."""
        totals = {code: vars(total) for code, total in sorted(summary.totals.items())}
        counts = {"seen": summary.records, "rejected": summary.rejected, "totals": totals, **more}
        line_end = "\n" if summary.totals else ""
        self.text.write(f"{line_end}],\n{json.dumps(counts, indent=1)[2:]}\n")


def read_expected_findings(path: Path) -> Iterator[ExpectedFinding]:
    """Yield the findings that are listed beside a sample, in flat memory.

    Args:
        path: of the sample.

    Raises:
        InputError: no list is beside it, or it is not one that was written by `write_sample_file`.
    """
    beside = expected_path(path)
    no_list = InputError(f"{beside.name} is not a sample's list of findings", "make the sample again")
    try:
        with beside.open(encoding="utf-8") as lines:
            if not next(lines, "").startswith(_EXPECTED_HEAD):
                raise no_list
            for line in lines:
                if not line.startswith("{"):
                    return
                yield ExpectedFinding(**json.loads(line.rstrip(",\n")))
    except OSError:
        raise InputError(f"{beside.name} cannot be read", "it must be beside the sample that it belongs to") from None
    except (ValueError, TypeError):
        raise no_list from None
