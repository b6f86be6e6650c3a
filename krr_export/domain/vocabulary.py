"""The register's terms that the program knows by name: columns, words with a meaning, and limits of time.

The XSD says which columns there are. What is said here of a column holds where it is there, and for nothing else.
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
"""The columns of what one can be notified at."""

UPDATED = {MOBILE: "mobiltelefonnummer_sist_oppdatert", EMAIL: "epostadresse_sist_oppdatert"}
VERIFIED = {MOBILE: "mobiltelefonnummer_sist_verifisert", EMAIL: "epostadresse_sist_verifisert"}
"""Of each channel, the columns of its times."""

ACTIVE = "AKTIV"
INACTIVE = ("SLETTET", "IKKE_REGISTRERT")
"""The values of the status."""

RESERVED = "JA"
"""The reservation of a person who has opted out of digital communication."""

NOTIFICATION_STATES = ("KAN_VARSLES", "KAN_IKKE_VARSLES")
"""The values of varslingsstatus, in the order of the XSD of 16-02."""

USABLE_MONTHS = 18
"""Calendar months: contact data neither updated nor verified for longer may not be used to notify
(eForvaltningsforskriften § 32)."""

EXPIRES_SOON_DAYS = 60
"""A certificate that expires within so many days of the export is worth a word."""
