"""The first look at an export that the next night begins with: what is known of it, and the persons who will change."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from krr_export.domain.certificates import load_certificate
from krr_export.domain.vocabulary import (
    CERTIFICATE,
    DELETED,
    EXPIRES_SOON_DAYS,
    PROVIDER,
    STATUS,
    UPDATED,
    VERIFIED,
)
from krr_export.errors import UsageError
from krr_export.synthetic.register.base_export import (
    IdentifierPattern,
    Layout,
    PersonReader,
    find_layout,
    open_document,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from krr_export.parsing.block import Block
    from krr_export.parsing.header import Header
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.synthetic.persons import Person

NEW_BIRTHS = date(2010, 1, 1), date(2014, 12, 31)
"""Of the persons whom a night adds: later than in a first sample, so that only earlier nights' can be the same."""


@dataclass
class Survey:
    """What is known of an export after reading it once.

    Attributes:
        header: the export's.
        layout: how its records are written.
        naive_times: whether its times have no offset.
        records: how many there are.
        chosen: the persons who may change, by the ordinals of their records.
        added_before: the identity numbers of those whom earlier nights added.
        certificates: base64 of a certificate of each provider, by organisation number.
        certificates_end: when the first of the certificates that were seen expires.
    """

    header: Header
    layout: Layout = field(default_factory=Layout)
    naive_times: bool = False
    records: int = 0
    chosen: dict[int, Person] = field(default_factory=dict)
    added_before: set[str] = field(default_factory=set)
    certificates: dict[str, str] = field(default_factory=dict)
    certificates_end: datetime | None = None

    def check_certificates(self, exported: datetime) -> None:
        """Check that no certificate that was seen gets a finding in an export of this time.

        Raises:
            UsageError: one does.
        """
        if self.certificates_end and self.certificates_end <= exported + timedelta(days=EXPIRES_SOON_DAYS):
            raise UsageError(
                "the mailboxes' certificates would soon expire in the next export, which no sample foresees",
                "give an earlier --exported, or begin with a new sample",
            )


def survey(path: Path, schema: RecordSchema, share: float, seed: int) -> Survey:
    """Read an export once. Memory grows with the persons who may change, and with those whom earlier nights added.

    Args:
        path: the export.
        schema: the export's.
        share: of the persons who may change, from 0 to 1.
        seed: of the choice.

    Raises:
        UsageError: the path is no regular file.
        InputError: it is not an export of valid records, as ``sample`` writes them.
    """
    rng = Random(f"chosen of {seed}")  # noqa: S311 - reproducible, and no secret
    pattern = IdentifierPattern(schema, range(NEW_BIRTHS[0].year, NEW_BIRTHS[1].year + 1))
    with open_document(path, schema) as document:
        found, reader = Survey(document.header), PersonReader(document, schema)
        certificates: set[str] = set()
        first: Block | None = None
        for block in document.blocks():
            indices = [index for index in range(block.records) if rng.random() < share]
            if first is None:
                first = block
                persons = reader.read(block)
                found.naive_times = _are_naive(persons.values())
                chosen = {block.first + index: persons[block.first + index] for index in indices}
            else:
                persons = chosen = reader.read_some(block, indices)
            found.records += block.records
            found.chosen |= {n: person for n, person in chosen.items() if person[STATUS] != DELETED}
            found.added_before.update(pattern.find(block))
            _note_certificates(found, persons.values(), certificates)
        found.layout = find_layout(document.header, first, schema)
    return found


def _are_naive(persons: Iterable[Person]) -> bool:
    names = [*UPDATED.values(), *VERIFIED.values()]
    times = (person[name] for person in persons for name in names if name in person)
    return any(datetime.fromisoformat(time).tzinfo is None for time in times)


def _note_certificates(found: Survey, persons: Iterable[Person], seen: set[str]) -> None:
    for person in persons:
        text = person.get(CERTIFICATE)
        if text is None or text in seen:
            continue
        seen.add(text)
        certificate = load_certificate(base64.b64decode(text))
        if certificate is None:
            continue
        end = certificate.not_valid_after_utc
        found.certificates_end = min(end, found.certificates_end or end)
        found.certificates.setdefault(person[PROVIDER], text)
