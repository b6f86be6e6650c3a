"""Certificates of the register (X.509, RFC 5280, in DER): whoever asks for one reads it here."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


def load_certificate(der: bytes) -> x509.Certificate | None:
    """Read a certificate; ``None`` where it is none, or its validity cannot be told.

    Its subject may still be unreadable (`ValueError`): nobody has looked at it, which takes ten times as long.
    """
    from cryptography import x509  # noqa: PLC0415 - slow to load, and not every run meets a certificate

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what standards it breaks: that is for the rules to say
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        return None
    return certificate
