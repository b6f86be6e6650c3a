"""The keys of a delivery: whose signature is accepted, and which private key decrypts it.

Certificates are pinned: the given one is the publisher's because the user says so. No chain is followed and no
revocation is checked.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
    pkcs12,
)

from krr_export.errors import DeliveryError, InputError
from krr_export.input.delivery.cipher import KEY_BYTES
from krr_export.input.delivery.regular import FETCH_AGAIN, file_name, read_small

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

    from krr_export.util.fields import Passphrase

MINIMUM_BITS = 2048
"""Of RSA, for every role (NIST SP 800-57: 112 bits of strength)."""

_OAEP = OAEP(MGF1(SHA512()), SHA512(), label=None)
_PRIVATE = re.compile(rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_PUBLIC = re.compile(rb"-----BEGIN ((?:RSA )?PUBLIC KEY|(?:X509 )?CERTIFICATE)-----.*?-----END \1-----", re.DOTALL)
# PFX ::= SEQUENCE { version INTEGER {v3(3)}, ... (RFC 7292); the length may be written in any of DER's and BER's ways.
_PKCS12 = re.compile(rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x02\x01\x03", re.DOTALL)
# keyBag and pkcs8ShroudedKeyBag, the object identifiers before each private key (RFC 7292, appendix D). They are
# not encrypted: a shrouded key is encrypted by itself.
_KEY_BAG = re.compile(rb"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01[\x01\x02]")
_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""The first bytes of keystores that only Java reads: JKS and JCEKS."""
_WHAT_IS_A_KEY = "a private key is PEM, DER or PKCS#12"


@dataclass(frozen=True)
class Publisher:
    """The publisher whose signature is accepted.

    Attributes:
        public_key: RSA, of at least 2048 bits.
        fingerprint: SHA-256 of the SubjectPublicKeyInfo (DER), in hexadecimal; for a certificate, of its key.
        valid_from: of the certificate, UTC; ``None`` for a bare public key.
        valid_until: as for ``valid_from``.
    """

    public_key: rsa.RSAPublicKey
    fingerprint: str
    valid_from: datetime | None
    valid_until: datetime | None


def load_private_key(path: Path, passphrase: Passphrase) -> rsa.RSAPrivateKey:
    """Read a private key: PEM or DER (PKCS#8, PKCS#1), or PKCS#12; recognised by content, never by name.

    Raises:
        InputError: there is no such key, it is encrypted and the passphrase is missing or wrong, or it is weak.
    """
    data, name = read_small(path), file_name(path)
    try:
        key = _parse_private_key(data, name, passphrase)
    except UnsupportedAlgorithm:
        raise InputError(
            f"{name} holds a key, or a way to encrypt it, that is not supported", "use RSA, as PKCS#8"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InputError(
            f"the private key in {name} is not an RSA key", "give the RSA key that the deliveries are made for"
        )
    _check_strength(key.key_size, f"the private key in {name}")
    return key


def load_publisher(path: Path, *, now: datetime | None = None) -> Publisher:
    """Read the publisher whose signature is accepted: an X.509 certificate or a bare public key, as PEM or DER.

    Args:
        path: the file.
        now: when the certificate must be valid; the present by default.

    Raises:
        InputError: it is not such a file, its key is not RSA or is weak, or the certificate is not valid now.
    """
    found, key = _load_public(path, now)
    certificate = found if isinstance(found, x509.Certificate) else None
    return Publisher(
        public_key=key,
        fingerprint=fingerprint(key),
        valid_from=certificate.not_valid_before_utc if certificate else None,
        valid_until=certificate.not_valid_after_utc if certificate else None,
    )


def load_recipient(path: Path) -> rsa.RSAPublicKey:
    """Read the key of a delivery's recipient: a certificate that is valid now or a bare public key, as PEM or DER.

    Raises:
        InputError: as for `load_publisher`.
    """
    return load_publisher(path).public_key


def load_certificate(path: Path, *, now: datetime | None = None) -> x509.Certificate:
    """Read an X.509 certificate with an RSA key, as PEM or DER: a bare public key will not do.

    Args:
        path: the file.
        now: when it must be valid; the present by default.

    Raises:
        InputError: as for `load_publisher`; or it is a bare public key.
    """
    found, _ = _load_public(path, now)
    if not isinstance(found, x509.Certificate):
        raise InputError(f"{file_name(path)} is a bare public key", "give the certificate, as PEM or DER")
    return found


def fingerprint(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of a key's SubjectPublicKeyInfo (DER), in hexadecimal."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def wrap_key(recipient: rsa.RSAPublicKey, key: bytes) -> bytes:
    """Encrypt a set's key for one organisation: RSAES-OAEP (RFC 8017), SHA-512 for both hashes, an empty label."""
    return recipient.encrypt(key, _OAEP)


def unwrap_key(private_key: rsa.RSAPrivateKey, wrapped: bytes) -> bytes:
    """Decrypt a set's key.

    Returns:
        32 bytes.

    Raises:
        DeliveryError: it is not for this private key, is damaged, or is not a key for AES-256.
    """
    check_wrapped_size(private_key, wrapped)
    try:
        key = private_key.decrypt(wrapped, _OAEP)
    except ValueError:
        raise DeliveryError(
            "the key file is not for this private key: it is for another organisation's key, or damaged",
            f"give the private key that belongs to the certificate the publisher has; or {FETCH_AGAIN}",
        ) from None
    if len(key) != KEY_BYTES:
        raise DeliveryError(
            f"the key file holds a key of {len(key)} bytes, and AES-256 takes {KEY_BYTES}", "ask the publisher"
        )
    return key


def check_wrapped_size(private_key: rsa.RSAPrivateKey, wrapped: bytes) -> None:
    """Check that a wrapped key can be for this private key, before a large file is read.

    Raises:
        DeliveryError: its size does not match the private key.
    """
    size = (private_key.key_size + 7) // 8
    if len(wrapped) != size:
        raise DeliveryError(
            f"the key file has {len(wrapped)} bytes, and one for this private key has {size}",
            f"{FETCH_AGAIN}; or is it for another organisation's key?",
        )


def _parse_private_key(data: bytes, name: str, passphrase: Passphrase) -> PrivateKeyTypes:
    if data.startswith(_JAVA):
        raise InputError(
            f"{name} is a Java keystore of an old form",
            _keytool_command(name),
        )
    if _PKCS12.match(data):
        return _from_pkcs12(data, name, passphrase)
    found = [match[0] for match in _PRIVATE.finditer(data)]
    if not found and b"-----BEGIN" in data:
        raise InputError(f"{name} holds no private key", _WHAT_IS_A_KEY)
    if len(found) > 1:
        raise _several_keys_error(len(found), name, "keep the one that the deliveries are made for, alone in a file")
    load, data = (load_pem_private_key, found[0]) if found else (load_der_private_key, data)
    try:
        return load(data, None)
    except ValueError:
        raise InputError(f"{name} is no private key, or is damaged", _WHAT_IS_A_KEY) from None
    except TypeError:  # what the library raises for an encrypted key
        secret = _get_passphrase(passphrase, name)
    try:
        return load(data, secret)
    except (ValueError, TypeError):
        raise _wrong_passphrase_error(name) from None


def _keytool_command(name: str) -> str:
    """Return the command that extracts one private key from a keystore."""
    source = f"-srckeystore {shlex.quote(name)} -srcalias ALIAS"
    return (
        f"keytool -importkeystore {source} -destkeystore key.p12 -deststoretype PKCS12 (keytool -list shows the ALIAS)"
    )


def _several_keys_error(count: int, name: str, hint: str) -> InputError:
    return InputError(f"{name} holds {count} private keys, and nothing says which of them is meant", hint)


def _from_pkcs12(data: bytes, name: str, passphrase: Passphrase) -> PrivateKeyTypes:
    # The library returns the first key and ignores the others.
    if (count := len(_KEY_BAG.findall(data))) > 1:
        hint = f"take out the one that the deliveries are made for: {_keytool_command(name)}"
        raise _several_keys_error(count, name, hint)
    loaded = _load_pkcs12(data, None) or _load_pkcs12(data, b"")
    loaded = loaded or _load_pkcs12(data, _get_passphrase(passphrase, name))
    if loaded is None:
        raise _wrong_passphrase_error(name)
    if loaded.key is None:
        raise InputError(f"{name} is a PKCS#12 file without a private key", "export it again, with the private key")
    return loaded.key


def _load_pkcs12(data: bytes, passphrase: bytes | None) -> pkcs12.PKCS12KeyAndCertificates | None:
    """Load a PKCS#12 file; ``None`` if the passphrase is wrong or the file damaged: the library does not say which."""
    try:
        return pkcs12.load_pkcs12(data, passphrase)
    except (ValueError, TypeError):  # TypeError: the passphrase is not UTF-8
        return None


def _get_passphrase(passphrase: Passphrase, name: str) -> bytes:
    secret = passphrase()
    if not secret:
        raise InputError(f"{name} is encrypted, and there is no passphrase for it", "--passphrase-file FILE")
    if b"\0" in secret:  # the library under the library would panic
        raise InputError(f"the passphrase for {name} holds a zero byte, and none can", "is it the right file?")
    return secret


def _wrong_passphrase_error(name: str) -> InputError:
    return InputError(
        f"{name} cannot be decrypted: the passphrase is wrong, or the file is damaged", "check the passphrase"
    )


def _load_public(path: Path, now: datetime | None) -> tuple[x509.Certificate | PublicKeyTypes, rsa.RSAPublicKey]:
    """Read a certificate that is valid then, or a bare public key; return it and its key, which is RSA and strong."""
    data, name = read_small(path), file_name(path)
    found = _load_certificate_or_key(data, name)
    if isinstance(found, x509.Certificate):
        _check_validity(found, name, now or datetime.now(UTC))
    key = _public_key(found, name)
    _check_strength(key.key_size, f"the key in {name}")
    return found, key


def _load_certificate_or_key(data: bytes, name: str) -> x509.Certificate | PublicKeyTypes:
    blocks = list(_PUBLIC.finditer(data))
    if len(blocks) > 1:
        raise InputError(f"{name} holds several certificates or keys", "keep the one that is meant, alone in a file")
    if not blocks and _PRIVATE.search(data):
        raise InputError(f"{name} is a private key", "give a certificate, or the public key")
    try:
        if blocks:
            pem = blocks[0][0]
            return x509.load_pem_x509_certificate(pem) if b"CERTIFICATE" in blocks[0][1] else load_pem_public_key(pem)
        return _from_der(data)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(
            f"{name} is no certificate and no public key, or is damaged", "give X.509 or a public key, as PEM or DER"
        ) from None


def _from_der(data: bytes) -> x509.Certificate | PublicKeyTypes:
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError:
        return load_der_public_key(data)


def _public_key(found: x509.Certificate | PublicKeyTypes, name: str) -> rsa.RSAPublicKey:
    try:
        key = found.public_key() if isinstance(found, x509.Certificate) else found
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError(f"the key in {name} is not an RSA key", "give the RSA certificate or public key")
    return key


def _check_validity(certificate: x509.Certificate, name: str, now: datetime) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if start <= now <= end:
        return
    dates = f"it is valid from {start:%Y-%m-%d} to {end:%Y-%m-%d}"
    if now < start:
        raise InputError(f"the certificate {name} is not valid yet: {dates}", "is this machine's clock right?")
    raise InputError(
        f"the certificate {name} has expired: {dates}",
        "ask for the present one; to trust its key for an old export: "
        f"openssl x509 -in {shlex.quote(name)} -noout -pubkey > publisher-key.pem",
    )


def _check_strength(bits: int, what: str) -> None:
    if bits < MINIMUM_BITS:
        raise InputError(f"{what} has {bits} bits: at least {MINIMUM_BITS} are needed", "ask for a stronger key pair")
