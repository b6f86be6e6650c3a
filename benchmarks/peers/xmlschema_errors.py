"""The ``xmlschema`` package, reading lazily: it validates with every error in its place, and writes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from xmlschema import XMLResource, XMLSchema


def main(source: Path, xsd: Path, _target: Path) -> None:
    """Validate an export; any error ends it."""
    schema = XMLSchema(xsd)
    for error in schema.iter_errors(XMLResource(source, lazy=True)):
        raise SystemExit(f"not valid: {error.reason}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
