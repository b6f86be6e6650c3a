"""Pages of the change feed as the REST service gives them: JSON with names and forms of its own."""

from __future__ import annotations

import json
from datetime import UTC
from textwrap import wrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape
from zoneinfo import ZoneInfo

from krr_export.domain.rest_service import GROUP_FIELDS, NUMBER_FIELDS, PERSON_FIELDS
from krr_export.domain.vocabulary import CERTIFICATE, UPDATED, VERIFIED
from krr_export.synthetic.persons import parse_time
from krr_export.synthetic.register.state import NOTIFICATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.synthetic.persons import Person

_OSLO = ZoneInfo("Europe/Oslo")
_PEM_WIDTH = 64
[_CERTIFICATE] = [name for name, column in PERSON_FIELDS.items() if column == CERTIFICATE]


def render_rest_page(persons: Sequence[Person], first: int, last: int, latest: int) -> str:
    """Return a page as JSON.

    As in the service's data, times and certificates come in two forms, and what a person lacks is left out, or null.
    Persons have a language too, which no export has. They lack ``beskrivelse``, which the service does not know.

    Args:
        persons: in order, XML-escaped.
        first: the number of the last change that the asker knows.
        last: the number of the page's last change.
        latest: the register's last change number.
    """
    page = {
        "list": [_to_json(person, other_form=bool(place % 2)) for place, person in enumerate(persons)],
        **dict(zip(NUMBER_FIELDS, (first, last, latest), strict=True)),
    }
    return json.dumps(page, ensure_ascii=False, indent=1) + "\n"


def _to_json(person: Person, *, other_form: bool) -> dict[str, object]:
    values = {name: unescape(value, {"&quot;": '"'}) for name, value in person.items()}
    times = {*UPDATED.values(), *VERIFIED.values()}
    written = {name: _write_time(value, utc=other_form) if name in times else value for name, value in values.items()}
    if CERTIFICATE in written and other_form:
        written[CERTIFICATE] = _to_pem(written[CERTIFICATE])
    fields: dict[str, object] = {name: written.get(column) for name, column in PERSON_FIELDS.items()}
    if fields[_CERTIFICATE] is None:
        del fields[_CERTIFICATE]
    if NOTIFICATION in values:
        fields[NOTIFICATION] = values[NOTIFICATION]
    for place, (group, columns) in enumerate(GROUP_FIELDS.items()):
        inner = {name: written[column] for name, column in columns.items() if column in written}
        if inner or (other_form and place == 0):  # what a person lacks is left out, or null
            fields[group] = inner or None
    return fields | {"spraak": "nb"}


def _write_time(text: str, *, utc: bool) -> str:
    """Return a time as the service writes it: in UTC with milliseconds; or Norwegian, its offset in whole hours."""
    moment = parse_time(text)
    if utc:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    local = moment.astimezone(_OSLO).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return local.removesuffix(":00")


def _to_pem(text: str) -> str:
    return "\n".join(["-----BEGIN CERTIFICATE-----", *wrap(text, _PEM_WIDTH), "-----END CERTIFICATE-----", ""])
