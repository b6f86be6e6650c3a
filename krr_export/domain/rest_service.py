"""The names of the register's REST service: of the fields of a person, and of a page of its change feed.

Source: docs.digdir.no (oppslagstjenesten_rest, krr_lokal_kopi), and the code of those who read the feed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.vocabulary import (
    CERTIFICATE,
    EMAIL,
    IDENTIFIER,
    MAILBOX,
    MOBILE,
    PROVIDER,
    RESERVATION,
    STATUS,
    UPDATED,
    VERIFIED,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PERSON_FIELDS: Mapping[str, str] = {
    "personidentifikator": IDENTIFIER,
    "reservasjon": RESERVATION,
    "status": STATUS,
    "sertifikat": CERTIFICATE,
}
"""Columns by the names of a person's own fields."""
GROUP_FIELDS: Mapping[str, Mapping[str, str]] = {
    "kontaktinformasjon": {
        "mobiltelefonnummer": MOBILE,
        "mobiltelefonnummer_oppdatert": UPDATED[MOBILE],
        "mobiltelefonnummer_sist_verifisert": VERIFIED[MOBILE],
        "epostadresse": EMAIL,
        "epostadresse_oppdatert": UPDATED[EMAIL],
        "epostadresse_sist_verifisert": VERIFIED[EMAIL],
    },
    "digital_post": {"postkasseadresse": MAILBOX, "postkasseleverandoeradresse": PROVIDER},
}
"""The same for the fields in groups, by group.

Other fields have no column. The register's varslingsstatus depends on the moment of asking, and is never taken over.
"""
NUMBER_FIELDS = ("fraEndringsId", "tilEndringsId", "sisteEndringsId")
"""Of a page: the number that was asked for, its last change, and the register's last one."""
