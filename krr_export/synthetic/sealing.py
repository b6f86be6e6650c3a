"""Making of a delivery like the register's: for demonstrations, and for tests of receivers.

An export is compressed and encrypted while it streams to its file: no plaintext is written to disk.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from isal import isal_zlib

from krr_export.domain.store_layout import refuse_snapshot
from krr_export.errors import InputError, UsageError
from krr_export.input.delivery import cipher
from krr_export.input.delivery.keys import MINIMUM_BITS, load_private_key, load_recipient, wrap_key
from krr_export.input.delivery.names import check_orgnr
from krr_export.input.delivery.regular import file_name, read_errors
from krr_export.input.delivery.signing import Form, sign
from krr_export.input.gzipped import MAGIC
from krr_export.util.files import HashedFile, output_errors, sync_directory
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    from krr_export.util.fields import Passphrase

_PIECE_BYTES = 1 << 20
_GZIP_WBITS = 31
"""Makes zlib write a gzip header, without a name and without a time."""
_MODE = 0o600
_PUBLIC_EXPONENT = 65537
_VALIDITY = timedelta(days=366)


@dataclass(frozen=True)
class SealedSet:
    """The files of a set."""

    data: Path
    signature: Path
    key: Path


@dataclass(frozen=True)
class DemoKeys:
    """Two throw-away key pairs, as PEM: private keys that are not encrypted, and self-signed certificates."""

    receiver_private: Path
    receiver: Path
    publisher_private: Path
    publisher: Path


def seal(  # noqa: PLR0913 - the files and names that make a set, given by name
    source: Path,
    directory: Path,
    *,
    recipient: Path,
    orgnr: str,
    signing_key: Path,
    passphrase: Passphrase,
    form: Form = "exact",
    stamp: datetime | None = None,
) -> SealedSet:
    """Compress, encrypt and sign an export, for one organisation.

    Args:
        source: the export: XML, or gzip (recognised by its magic), which is not compressed again.
        directory: where to write; made if it is missing, for this user only.
        recipient: the organisation's certificate or public key.
        orgnr: its number, nine digits.
        signing_key: the publisher's private key.
        passphrase: returns the signing key's passphrase; called only if the key is encrypted.
        form: which form of signature to make.
        stamp: when the set was made, for its name; the present by default. With a time zone it is converted to
            Norwegian time, without one it is Norwegian time.

    Returns:
        Its files, which only the owner may read. The data is written last: if it exists, the set is complete.

    Raises:
        InputError: the source or a key cannot be read or is unusable.
        UsageError: a file of the set already exists.
        OutputError: it cannot be written.
        UsageError: ``orgnr`` is not an organisation number.
    """
    public_key, private_key = load_recipient(recipient), load_private_key(signing_key, passphrase)
    made = _name_files(directory, orgnr, stamp)
    with _open_source(source) as export, _new_files(directory, (made.key, made.signature, made.data)) as parts:
        key = secrets.token_bytes(cipher.KEY_BYTES)
        encrypt = cipher.encryptor(key)
        _write(parts[made.data], (encrypt(piece) for piece in _compress(export, file_name(source))))
        with parts[made.data].open("rb") as data:
            _write(parts[made.signature], iter([sign(data, private_key, form)]))
        _write(parts[made.key], iter([wrap_key(public_key, key)]))
    return made


def make_keys(directory: Path, *, orgnr: str, bits: int = 3072) -> DemoKeys:
    """Make throw-away key pairs of a receiver and a publisher, for a demonstration.

    Args:
        directory: where to write; made if it is missing, for this user only.
        orgnr: the receiver's number, nine digits, for its certificate.
        bits: of the RSA keys.

    Raises:
        UsageError: one of the files already exists.
        OutputError: one cannot be written.
        UsageError: ``orgnr`` is not an organisation number, or the keys would be too weak.
    """
    check_orgnr(orgnr)
    if bits < MINIMUM_BITS:
        raise UsageError(f"keys of {bits} bits are too weak", f"at least {MINIMUM_BITS}")
    names = ("receiver-private.pem", "receiver.pem", "publisher-private.pem", "publisher.pem")
    made = DemoKeys(*(directory / name for name in names))
    final = (made.receiver_private, made.receiver, made.publisher_private, made.publisher)
    with _new_files(directory, final) as parts:
        for private_path, certificate_path, who in (
            (made.receiver_private, made.receiver, "receiver"),
            (made.publisher_private, made.publisher, "publisher"),
        ):
            key = rsa.generate_private_key(_PUBLIC_EXPONENT, bits)
            certificate = _certificate(key, f"krr-export demo {who}", orgnr if who == "receiver" else None)
            _write(parts[private_path], iter([_pem(key)]))
            _write(parts[certificate_path], iter([certificate.public_bytes(serialization.Encoding.PEM)]))
    return made


def _name_files(directory: Path, orgnr: str, stamp: datetime | None) -> SealedSet:
    check_orgnr(orgnr)
    oslo = ZoneInfo("Europe/Oslo")
    time = stamp or datetime.now(oslo)
    time = time.astimezone(oslo) if time.tzinfo else time
    base = f"Kontaktregister-{time:%Y%m%dT%H%M%S}"
    return SealedSet(directory / f"{base}.gz.enc", directory / f"{base}.sig", directory / f"{base}.key.{orgnr}")


@contextlib.contextmanager
def _open_source(source: Path) -> Iterator[BufferedReader]:
    with read_errors(file_name(source)):
        file = source.open("rb")
    with file:
        yield file


def _compress(export: BufferedReader, name: str) -> Iterator[bytes]:
    """Yield the export as gzip, piece by piece, whether it is compressed or not."""
    piece = _read(export, name)
    if not piece:
        raise InputError(f"{name} is empty", "give an export")
    compressor = None if piece.startswith(MAGIC) else isal_zlib.compressobj(wbits=_GZIP_WBITS)
    while piece:
        yield compressor.compress(piece) if compressor else piece
        piece = _read(export, name)
    if compressor:
        yield compressor.flush()


def _read(export: BufferedReader, name: str) -> bytes:
    with read_errors(name):
        return export.read(_PIECE_BYTES)


@contextlib.contextmanager
def _new_files(directory: Path, paths: tuple[Path, ...]) -> Iterator[dict[Path, Path]]:
    """Yield temporary names for new files; rename them in this order once all are written, or remove them.

    Raises:
        UsageError: one of the files already exists; or the directory is in a snapshot, or is not a local path.
        OutputError: the directory cannot be written.
    """
    refuse_snapshot(local_path(directory))
    with output_errors(f"write to {directory.name or 'the directory'}"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_existing(paths)
    parts = {path: path.with_name(f".{path.name}.{secrets.token_hex(4)}.part") for path in paths}
    placed: list[Path] = []
    try:
        yield parts
        for path, part in parts.items():
            _refuse_existing((path,))
            with output_errors(f"write {path.name}"):
                part.rename(path)
            placed.append(path)
        with output_errors(f"write to {directory.name or 'the directory'}"):
            sync_directory(directory)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _refuse_existing(paths: tuple[Path, ...]) -> None:
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(f"{path.name} is already there", "move it away, or choose another directory")


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    file = HashedFile.create(path.parent, path.name, _MODE)
    try:
        for piece in pieces:
            file.write(piece)
        file.finish()
    finally:
        file.abandon()


def _certificate(key: rsa.RSAPrivateKey, name: str, orgnr: str | None) -> x509.Certificate:
    """Make a self-signed certificate, valid for a year from yesterday: a clock may be behind."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if orgnr is not None:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, orgnr))
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(x509.Name(attributes), x509.Name(attributes), key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + _VALIDITY)
    return builder.sign(key, SHA256())


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
