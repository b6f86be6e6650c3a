"""Load the register's certificates (X.509, RFC 5280, in DER); all other modules do it through this one."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


def load_certificate(der: bytes) -> x509.Certificate | None:
    """Load a certificate; return ``None`` if the bytes are not one, or its validity period cannot be read.

    The subject is not read here, because that takes ten times as long: reading it later may raise `ValueError`.
    """
    from cryptography import x509  # noqa: PLC0415 - slow to load, and not every run meets a certificate

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about standards that it breaks: the rules report those
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        return None
    return certificate
