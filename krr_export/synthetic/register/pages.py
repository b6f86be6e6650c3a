"""Pages of the register's change feed: the changed persons in the order of their last changes, in several forms."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from krr_export.domain.change_numbers import page_name
from krr_export.domain.store_layout import refuse_store
from krr_export.errors import UsageError
from krr_export.schema.registry import load_schema
from krr_export.synthetic.persons import DRAWN
from krr_export.synthetic.register.rest_page import render_rest_page
from krr_export.synthetic.tree import Builder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from krr_export.synthetic.persons import Person

PageForm = Literal["rest", "soap-16-02", "soap-14-05", "raw-16-02", "raw-14-05"]
"""JSON of the REST service; or HentEndringerRespons of a version, in a SOAP envelope or as it is."""

MAX_PERSONS = 1000
"""Persons in a page: the web service's limit."""

_ENVELOPES = {"16-02": "http://www.w3.org/2003/05/soap-envelope", "14-05": "http://schemas.xmlsoap.org/soap/envelope/"}
"""The namespace of the envelope by version: SOAP 1.2 and 1.1."""
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"


@dataclass(frozen=True)
class PageOptions:
    """Options of pages.

    Attributes:
        directory: for the pages: new, or empty.
        form: of each page.
        size: persons in a page, at most.
        from_zero: whether the pages hold the whole register, from its first change, and not just the night.
    """

    directory: Path
    form: PageForm = "rest"
    size: int = MAX_PERSONS
    from_zero: bool = False

    def __post_init__(self) -> None:
        if self.form not in get_args(PageForm):
            raise UsageError(f"there are no pages of the form {self.form}", f"give {', '.join(get_args(PageForm))}")
        if not 1 <= self.size <= MAX_PERSONS:
            raise UsageError(f"a page has 1 to {MAX_PERSONS} persons", "give such a page size")


@dataclass(frozen=True)
class PageNumbers:
    """The change numbers of a page.

    Attributes:
        first: the number asked from.
        last: the number of the page's last change.
        latest: the register's last change number.
    """

    first: int
    last: int
    latest: int


class _Renderer(Protocol):
    suffix: str
    """The ending of a page's name."""
    inclusive: bool
    """Whether the number asked from is that of the first change wanted, and not of the last one known."""

    def render(self, persons: Sequence[Person], numbers: PageNumbers) -> str: ...


class PageWriter:
    """Writes pages: persons are added in the order of their numbers.

    Args:
        options: of the pages.
        directory: for the files.
        known: the number after which the pages begin.
        latest: the register's last change number.
        created: when the pages are given out.

    Attributes:
        written: the number of pages.
    """

    def __init__(self, options: PageOptions, directory: Path, known: int, latest: int, created: datetime) -> None:
        kind, _, version = options.form.partition("-")
        self._renderer: _Renderer = _RestPages()
        if version:
            self._renderer = _XmlPages(version, created, enveloped=kind == "soap")
        self._directory, self._size, self._known, self._latest = directory, options.size, known, latest
        self._persons: list[Person] = []
        self._last = known
        self.written = 0

    def add(self, person: Person, number: int) -> None:
        """Add a person, with the number of the last change."""
        if len(self._persons) == self._size:
            self._write(self._last)
        self._persons.append(person)
        self._last = number

    def close(self) -> None:
        """Write the last page. It is empty if nothing changed."""
        self._write(self._latest)

    def _write(self, last: int) -> None:
        # The first number of all is 0 in every form: a register's changes begin with 1.
        first = self._known + 1 if self._renderer.inclusive and self._known else self._known
        numbers = PageNumbers(first, last, self._latest)
        name = page_name(first, last, self._renderer.suffix)
        (self._directory / name).write_text(self._renderer.render(self._persons, numbers), encoding="utf-8")
        self._persons, self._known = [], last
        self.written += 1


@contextmanager
def open_pages(options: PageOptions, limits: range, created: datetime) -> Iterator[PageWriter]:
    """Open a directory for pages; it is there only once they all are.

    Args:
        options: of the pages.
        limits: from the number after which the pages begin, to the register's last change number.
        created: when the pages are given out.

    Raises:
        UsageError: the directory is in a store, or not empty.
        OSError: the pages cannot be written.
    """
    target = options.directory
    refuse_store(target)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"--pages {target} is not an empty directory", "give the name of a new one")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{secrets.token_hex(8)}.unfinished")
    temporary.mkdir()
    try:
        yield PageWriter(options, temporary, limits.start, limits.stop, created)
        temporary.rename(target)
    finally:
        with suppress(OSError):
            shutil.rmtree(temporary)


class _RestPages:
    suffix, inclusive = ".json", False

    def render(self, persons: Sequence[Person], numbers: PageNumbers) -> str:
        return render_rest_page(persons, numbers.first, numbers.last, numbers.latest)


class _XmlPages:
    suffix, inclusive = ".xml", True

    def __init__(self, version: str, created: datetime, *, enveloped: bool) -> None:
        tag = f"{{http://kontaktinfo.difi.no/xsd/oppslagstjeneste/{version}}}HentEndringerRespons"
        schema = replace(load_schema(version), root_tag=tag)
        self._columns = {field.name for field in schema.fields}
        self._builder = Builder(schema, "ns2", DRAWN, indent=True, comments=False)
        self._before, self._after = _envelope(_ENVELOPES[version], created) if enveloped else ("", "")

    def render(self, persons: Sequence[Person], numbers: PageNumbers) -> str:
        attributes = {
            "fraEndringsNummer": str(numbers.first),
            "tilEndringsNummer": str(numbers.last),
            "senesteEndringsNummer": str(numbers.latest),
        }
        declaration, line_end, root = self._builder.head(attributes).partition("\n")
        records = [
            self._builder.write(self._builder.record(person.keys() & self._columns, person.__getitem__))
            for person in persons
        ]
        return "".join([declaration, line_end, self._before, root, *records, self._builder.tail(), self._after])


def _envelope(soap: str, created: datetime) -> tuple[str, str]:
    """Return what stands around an answer: an envelope that says when it was made, without a signature."""
    time = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    header = (
        f'<wsse:Security xmlns:wsse="{_SECURITY}"><wsu:Timestamp xmlns:wsu="{_UTILITY}">'
        f"<wsu:Created>{time}</wsu:Created></wsu:Timestamp></wsse:Security>"
    )
    before = f'<soap:Envelope xmlns:soap="{soap}">\n<soap:Header>{header}</soap:Header>\n<soap:Body>\n'
    return before, "</soap:Body>\n</soap:Envelope>\n"
