"""The parts of the documents that are made from the program: ``make docs`` writes them, a test compares them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import json_schemas
import man_page

from krr_export import load_schema
from krr_export.errors import EXIT_CODES, REASONS, is_retryable
from krr_export.findings.finding import KNOWN_OLD_NAMES
from krr_export.rules.catalogue import CATALOGUE, RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

ROOT = Path(__file__).parents[2]


def columns() -> Iterator[str]:
    """The table of columns."""
    schema = load_schema("14-05")
    yield from ("| column | type | null | in the XSD |", "|---|---|---|---|")
    paths = dict.fromkeys(schema.arrow.names, "record number, from 1")
    paths |= {field.name: f"`{field.label}`" for field in schema.fields}
    facets = {field.name: field.facets for field in schema.fields}
    for field in schema.arrow:
        listed = facets[field.name].enumeration if field.name in facets else ()
        kind = f"one of {', '.join(listed)}" if listed else _type(field.type)
        yield f"| `{field.name}` | {kind} | {'yes' if field.nullable else 'no'} | {paths[field.name]} |"


def _type(arrow: pa.DataType) -> str:
    return str(arrow).replace("tz=", "")


def exit_codes() -> Iterator[str]:
    """The exit codes, and which of them a scheduler may act on by itself."""
    yield from ("| exit | means | published | what to do | may be retried |", "|---|---|---|---|---|")
    for code in EXIT_CODES:
        retried = "yes" if code.transient else "no"
        yield f"| {code.number} | {code.means} | {code.published} | {code.todo} | {retried} |"
    transient = [code.number for code in EXIT_CODES if code.transient]
    permanent = [code.number for code in EXIT_CODES if not code.transient and code.number]
    yield ""
    yield f"A scheduler may run the same command again by itself after {_listed(transient)}: what led to them may pass."
    yield f"{_listed(permanent)} will only come again, unless somebody does what the table says."


def reasons() -> Iterator[str]:
    """The words for the kinds of failures."""
    yield from ("| reason | exit | it means | retryable |", "|---|---|---|---|")
    for reason in REASONS:
        retryable = str(is_retryable(reason.exit_code)).lower()
        yield f"| `{reason.word}` | {reason.exit_code} | {reason.means} | {retryable} |"


def _listed(numbers: list[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}"


def findings() -> Iterator[str]:
    """The catalogue of findings."""
    yield from ("| code | severity | it means | what to do |", "|---|---|---|---|")
    for code in CATALOGUE.values():
        yield f"| `{code.name}` | {code.severity} | {code.text} | {code.fix} |"


def rules() -> Iterator[str]:
    """The register's own rules."""
    yield from ("| rule | severity | it means | what to do | source | reads |", "|---|---|---|---|---|---|")
    for rule in RULES:
        code = rule.code
        reads = ", ".join(f"`{column}`" for column in rule.columns)
        yield f"| `{code.name}` | {code.severity} | {code.text} | {code.fix} | {rule.source} | {reads} |"


def old_names() -> Iterator[str]:
    """The known old spellings."""
    yield from ("| until 2014 | since |", "|---|---|")
    for old, new in KNOWN_OLD_NAMES.items():
        yield f"| `{old}` | `{new}` |"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "columns": columns,
    "exit codes": exit_codes,
    "findings": findings,
    "old names": old_names,
    "reasons": reasons,
    "rules": rules,
}
DOCUMENTS = tuple(ROOT / "docs/reference" / f"{name}.md" for name in ("exit-codes", "findings", "rules", "table"))
_PART = re.compile(r"(<!-- made by `make docs`: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def remade(text: str) -> str:
    """A document with its made parts made anew."""
    return _PART.sub(lambda part: f"{part[1]}{chr(10).join(PARTS[part[2]]())}\n{part[3]}", text)


def parts_of(text: str) -> list[str]:
    """The names of a document's made parts."""
    return [part[2] for part in _PART.finditer(text)]


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(remade(document.read_text()))
    for name in json_schemas.DOCUMENTS:
        (ROOT / f"docs/{name}.schema.json").write_text(json_schemas.json_schema(name))
    (ROOT / "docs/krr-export.1").write_text(man_page.man_page())
