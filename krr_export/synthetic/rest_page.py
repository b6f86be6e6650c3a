"""Pages of the change feed as the REST service gives them: JSON with names and forms of its own."""

from __future__ import annotations

import json
from datetime import UTC
from textwrap import wrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape
from zoneinfo import ZoneInfo

from krr_export.domain.vocabulary import (
    CERTIFICATE,
    CHANNELS,
    IDENTIFIER,
    MAILBOX,
    PROVIDER,
    RESERVATION,
    STATUS,
    UPDATED,
    VERIFIED,
)
from krr_export.synthetic.persons import parse_time
from krr_export.synthetic.register import NOTIFICATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.synthetic.persons import Person

_OSLO = ZoneInfo("Europe/Oslo")
_PEM_WIDTH = 64


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
        "fraEndringsId": first,
        "tilEndringsId": last,
        "sisteEndringsId": latest,
    }
    return json.dumps(page, ensure_ascii=False, indent=1) + "\n"


def _to_json(person: Person, *, other_form: bool) -> dict[str, object]:
    values = {name: unescape(value, {"&quot;": '"'}) for name, value in person.items()}
    written: dict[str, object] = {
        "personidentifikator": values[IDENTIFIER],
        "reservasjon": values.get(RESERVATION),
        "status": values[STATUS],
    }
    if NOTIFICATION in values:
        written["varslingsstatus"] = values[NOTIFICATION]
    contact = _contact(values, other_form=other_form)
    if contact or other_form:
        written["kontaktinformasjon"] = contact or None
    if MAILBOX in values:
        written["digital_post"] = {
            "postkasseadresse": values[MAILBOX],
            "postkasseleverandoeradresse": values[PROVIDER],
        }
    if CERTIFICATE in values:
        written["sertifikat"] = _to_pem(values[CERTIFICATE]) if other_form else values[CERTIFICATE]
    return written | {"spraak": "nb"}


def _contact(values: Person, *, other_form: bool) -> dict[str, str]:
    contact = {}
    for channel in CHANNELS:
        names = {
            channel: channel,
            UPDATED[channel]: f"{channel}_oppdatert",
            VERIFIED[channel]: f"{channel}_sist_verifisert",
        }
        for column, name in names.items():
            if column in values:
                contact[name] = values[column] if column == channel else _write_time(values[column], utc=other_form)
    return contact


def _write_time(text: str, *, utc: bool) -> str:
    """Return a time as the service writes it: in UTC with milliseconds; or Norwegian, its offset in whole hours."""
    moment = parse_time(text)
    if utc:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    local = moment.astimezone(_OSLO).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return local.removesuffix(":00")


def _to_pem(text: str) -> str:
    return "\n".join(["-----BEGIN CERTIFICATE-----", *wrap(text, _PEM_WIDTH), "-----END CERTIFICATE-----", ""])
