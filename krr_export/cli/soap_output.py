"""Where the commands of the closed SOAP service write their documents, and how they end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import OutputError, UsageError

if TYPE_CHECKING:
    from krr_export.changes.soap.protocol import Opened
    from krr_export.cli.console import Console

STDIO = "-"


def check_output(console: Console, output: str) -> None:
    """Check that a document and the JSON do not both go to standard output.

    Raises:
        UsageError: they would.
    """
    if console.as_json and output == STDIO:
        raise UsageError("--json and the document both go to standard output", "-o FILE")


def write_document(document: bytes, output: str) -> None:
    """Write a document to standard output, or to a file that only its owner may read.

    Raises:
        OutputError: it cannot be written.
        UsageError: it would be in a snapshot.
    """
    from krr_export.output.outputs import atomic_write, write_error  # noqa: PLC0415 - help does not need it

    if output == STDIO:
        try:
            sys.stdout.buffer.write(document)
            sys.stdout.flush()
        except OSError as error:
            raise OutputError(f"cannot write to standard output: {error.strerror}") from None
        return
    try:
        with atomic_write(Path(output), private=True) as file:
            file.write(document)
    except OSError as error:
        raise write_error(output, error) from None


def finish_opened(console: Console, opened: Opened, output: str) -> int:
    """Write an opened answer's message; print the last line, and return the exit code."""
    if places := opened.find_faults():
        console.warn(f"the message is not valid by its XSD in {len(places)} places, first {places[0]}")
    write_document(opened.document, output)
    kind = "signed and encrypted" if opened.was_encrypted else "signed, not encrypted"
    details = {
        "message": opened.name,
        "persons": opened.persons,
        "encrypted": opened.was_encrypted,
        "faults": len(places),
    }
    return console.finish(f"verified {opened.name}: {kind}, {opened.persons} persons", 0, {**details, "file": output})
