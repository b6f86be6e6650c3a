"""The register's terms that the program knows by name: columns, values with a meaning, and limits of time.

The XSD defines which columns there are. A column named here has its meaning where the XSD has that column.
"""

from __future__ import annotations

IDENTIFIER = "personidentifikator"
RESERVATION = "reservasjon"
STATUS = "status"
MOBILE = "mobiltelefonnummer"
EMAIL = "epostadresse"
MAILBOX = "postkasseadresse"
PROVIDER = "postkasseleverandoer_adresse"
CERTIFICATE = "x509_sertifikat"

CHANNELS = (MOBILE, EMAIL)
"""The columns with an address for notifications."""

UPDATED = {MOBILE: "mobiltelefonnummer_sist_oppdatert", EMAIL: "epostadresse_sist_oppdatert"}
VERIFIED = {MOBILE: "mobiltelefonnummer_sist_verifisert", EMAIL: "epostadresse_sist_verifisert"}
"""By channel, the columns with its times."""

ACTIVE = "AKTIV"
DELETED = "SLETTET"
INACTIVE = (DELETED, "IKKE_REGISTRERT")
"""Values of the column `STATUS`."""

RESERVED = "JA"
"""The value of `RESERVATION` for a person who has opted out of digital communication."""

NOTIFICATION_STATES = ("KAN_VARSLES", "KAN_IKKE_VARSLES")
"""The values of varslingsstatus, in the order of the XSD of 16-02."""

USABLE_MONTHS = 18
"""Calendar months: contact data that was neither updated nor verified for longer may not be used to notify
(eForvaltningsforskriften § 32)."""

EXPIRES_SOON_DAYS = 60
"""A certificate that expires within this many days of the export gets a finding."""
