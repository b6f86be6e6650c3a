"""A page of the register's change feed: the latest state of persons who changed in a range of change numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from krr_export.errors import InputError
from krr_export.input.http.rest_document import AGAIN
from krr_export.util.formatting import number

Form = Literal["soap", "rest"]
"""The service that a page is from. Of SOAP, ``fra`` is the first number in the page; of REST, nobody says whether it is
that or the one before it."""

_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class PageRange:
    """The change numbers of a page.

    Attributes:
        name: of the file; with the page's number in it, if it holds several.
        form: the service that it is from.
        first: ``fraEndringsNummer``: the number that was asked for.
        last: ``tilEndringsNummer``: the last change in the page.
        latest: ``senesteEndringsNummer``: the register's last change when the page was made.
        sha256: of the page's bytes, uncompressed.
    """

    name: str
    form: Form
    first: int
    last: int
    latest: int
    sha256: str

    def __post_init__(self) -> None:
        if not (0 <= self.first <= _MOST and self.last <= _MOST and self.latest <= _MOST):
            raise InputError(
                f"{self.name}: a change number is negative, or larger than 64 bits",
                AGAIN,
            )
        if self.last < self.first - 1 or self.last > self.latest:
            raise InputError(
                f"{self.name}: its change numbers are not in order: from {number(self.first)} to {number(self.last)},"
                f" the register at {number(self.latest)}",
                AGAIN,
            )


@dataclass(frozen=True)
class PagePerson:
    """A person of a page.

    Attributes:
        identifier: the identity number as written; empty if there is none, which makes the record a reject.
        xml: the element ``Person``, on its own.
    """

    identifier: str
    xml: bytes


@dataclass(frozen=True)
class Page:
    """A page, read.

    Attributes:
        range: its change numbers.
        persons: the persons in it, in order.
        unused: values in it that no column holds: fields that the export does not have, and unknown ones.
    """

    range: PageRange
    persons: tuple[PagePerson, ...]
    unused: int = 0
