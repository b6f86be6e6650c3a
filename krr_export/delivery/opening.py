"""Opens a delivery: finds the files that belong together, verifies the ciphertext, and only then unwraps its key.

The program imports this at every start, so what takes time to import comes when a delivery is met.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.delivery.names import LATEST, PartName, SetNames, parse_part, sets_in
from krr_export.delivery.regular import file_name, open_regular, read_small_regular, readable
from krr_export.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from io import BufferedReader

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from krr_export.delivery.keys import Passphrase, Publisher
    from krr_export.delivery.signing import Mode, Verified

UNVERIFIED = "its signature was not verified"
_NOT_VERIFIED = "not verified"
_GZIP_MAGIC = b"\x1f\x8b\x08"  # RFC 1952: the magic, and the only method there is


def no_passphrase() -> None:
    """There is no passphrase."""


@dataclass(frozen=True)
class DeliveryOptions:
    """How deliveries are opened.

    Attributes:
        private_key: the receiver's: PEM or PKCS#12.
        passphrase: gives the private key's passphrase; asked only where it is encrypted.
        publisher_cert: whose signature is accepted: a certificate or a public key.
        signature: which form of signature is accepted; ``none`` verifies nothing.
        orgnr: the receiving organisation; needed where a set has keys for several.
    """

    private_key: Path | None = None
    passphrase: Passphrase = no_passphrase
    publisher_cert: Path | None = None
    signature: Mode = "auto"
    orgnr: str | None = None


@dataclass(frozen=True)
class OpenedDelivery:
    """A delivery that may be read: its signature is the publisher's, and its key is ours.

    Attributes:
        file: the ciphertext, open at its beginning: the very file that was verified. The caller closes it.
        name: of the data file; where LATEST is a link, of the file it leads to.
        size: bytes of ciphertext, as verified.
        sha256: of the ciphertext, as verified, in hexadecimal; the caller compares it with what it reads.
        decrypt: decrypts the ciphertext's pieces in their order.
        provenance: for the manifest: ``orgnr``; ``signature``, its form or ``not verified``; ``publisher_sha256``, the
            fingerprint of its key; ``publisher_valid_from`` and ``publisher_valid_until`` of its certificate, ISO 8601
            in UTC. Each ``None`` where it is not known.
    """

    file: BufferedReader
    name: str
    size: int
    sha256: str
    decrypt: Callable[[bytes], bytes]
    provenance: dict[str, object]


@dataclass(frozen=True)
class _Set:
    """The files of one set that are needed; no signature where none is verified."""

    data: Path
    signature: Path | None
    key: Path
    orgnr: str


def is_unverified(provenance: Mapping[str, object] | None) -> bool:
    """Whether this is of a delivery whose signature was not verified; ``None`` is of no delivery."""
    return provenance is not None and provenance.get("signature") == _NOT_VERIFIED


def is_delivery(path: Path) -> bool:
    """Whether a path is, by its name, one file of a set, or is a directory that holds any."""
    if parse_part(path.name) is not None:
        return True
    try:
        return path.is_dir() and any(parse_part(name) is not None for name in os.listdir(path))  # noqa: PTH208 - names only
    except OSError:
        return False


def open_delivery(
    path: Path,
    options: DeliveryOptions,
    on_read: Callable[[int], object] | None = None,
    on_size: Callable[[int], object] | None = None,
) -> OpenedDelivery:
    """Open a delivery for reading, after all that is needed for it was found to be right.

    Args:
        path: any file of a set; or a directory, for the newest complete set in it.
        options: the keys, and what to accept.
        on_read: called with the number of bytes just read while verifying; for progress.
        on_size: called with the bytes of ciphertext before they are verified: time to get ready for what follows.

    Raises:
        InputError: a file of the set is missing, no regular file or unusable; a key is; the signature is not the
            publisher's, or the set's key is not for the private key.
        UsageError: a key, or the organisation, is not given.
    """
    found = _find(path, options)
    if options.private_key is None:
        raise UsageError(f"{found.data.name} is encrypted", "give --private-key FILE")
    publisher = _publisher(options)
    small = _small_files(found, options.private_key, options.passphrase, publisher)
    file = open_regular(found.data)
    try:
        if on_size is not None:
            on_size(os.fstat(file.fileno()).st_size)
        verified, key = _verified(file, small, publisher, options.signature, on_read)
        decrypt = _decryptor(file, key)
    except BaseException:
        file.close()
        raise
    return OpenedDelivery(
        file=file,
        name=_data_name(found.data),
        size=verified.size,
        sha256=verified.sha256,
        decrypt=decrypt,
        provenance=_provenance(found.orgnr, verified.form, publisher),
    )


@dataclass(frozen=True)
class _Small:
    """What is read before the large file."""

    private_key: RSAPrivateKey
    signature: bytes
    wrapped: bytes


def _small_files(found: _Set, private_key: Path, passphrase: Passphrase, publisher: Publisher | None) -> _Small:
    # The library behind these is large: only those who open deliveries wait for it.
    from krr_export.delivery import keys, signing  # noqa: PLC0415 - see the line above

    small = _Small(
        private_key=keys.load_private_key(private_key, passphrase),
        signature=read_small_regular(found.signature) if found.signature else b"",
        wrapped=read_small_regular(found.key),
    )
    if publisher is not None:
        signing.check_size(small.signature, publisher.public_key)
    keys.check_wrapped_size(small.private_key, small.wrapped)
    return small


def _verified(
    file: BufferedReader,
    small: _Small,
    publisher: Publisher | None,
    mode: Mode,
    on_read: Callable[[int], object] | None,
) -> tuple[Verified, bytes]:
    """Verify the ciphertext, and only then unwrap its key; the file is at its beginning again."""
    from krr_export.delivery import keys, signing  # noqa: PLC0415 - a large library: see _small_files

    if not os.fstat(file.fileno()).st_size:
        raise InputError("the encrypted file is empty", "transfer it again")
    verified = signing.verify(file, small.signature, publisher.public_key if publisher else None, mode, on_read)
    key = keys.unwrap_key(small.private_key, small.wrapped)
    file.seek(0)
    return verified, key


def _decryptor(file: BufferedReader, key: bytes) -> Callable[[bytes], bytes]:
    """The decryption of a file, after a look whether it is with the right key: the key file is not signed."""
    from krr_export.delivery.cipher import decryptor  # noqa: PLC0415 - a large library: see _small_files

    with readable("the encrypted file"):
        start = file.read(len(_GZIP_MAGIC))
    if decryptor(key)(start) != _GZIP_MAGIC:
        raise InputError("what it decrypts to is no gzip: the key file is of another set", "transfer the set again")
    file.seek(0)
    return decryptor(key)


def _publisher(options: DeliveryOptions) -> Publisher | None:
    if options.signature == "none":
        return None
    if options.publisher_cert is None:
        raise UsageError(
            "a delivery's signature is verified, and there is no certificate to do so",
            "--publisher-cert FILE, or --signature none if you must",
        )
    from krr_export.delivery.keys import load_publisher  # noqa: PLC0415 - a large library: see open_delivery

    return load_publisher(options.publisher_cert)


def _provenance(orgnr: str, form: str | None, publisher: Publisher | None) -> dict[str, object]:
    return {
        "orgnr": orgnr,
        "signature": form or _NOT_VERIFIED,
        "publisher_sha256": publisher.fingerprint if publisher else None,
        "publisher_valid_from": _iso(publisher.valid_from) if publisher else None,
        "publisher_valid_until": _iso(publisher.valid_until) if publisher else None,
    }


def _iso(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else None


def _find(path: Path, options: DeliveryOptions) -> _Set:
    """The set that is meant: of a file, its own; of a directory, the newest that is complete."""
    part = None if path.is_dir() else parse_part(path.name)
    wanted = _Wanted(options.orgnr or (part.orgnr if part else None), signed=options.signature != "none")
    if part is None:
        directory, names = path, _newest(_sets(path), wanted)
    else:
        directory, names = path.parent, _own(_sets(path.parent), part)
    if names.stamp == LATEST:
        directory, names = _followed(directory, names, wanted)
    return _chosen(directory, names, wanted)


@dataclass(frozen=True)
class _Wanted:
    """What makes a set complete for us."""

    orgnr: str | None
    signed: bool

    def missing(self, names: SetNames) -> list[str]:
        return [name for name in names.missing(self.orgnr) if self.signed or not name.endswith(".sig")]


def _sets(directory: Path) -> list[SetNames]:
    with readable(file_name(directory)):
        return sets_in(os.listdir(directory))  # noqa: PTH208 - names are what is wanted


def _newest(sets: list[SetNames], wanted: _Wanted) -> SetNames:
    """The newest complete set; else LATEST, of which nobody knows how new it is; else the one to complain about."""
    if not sets:
        raise InputError("no file of a delivery is there", "give a file of one, or the directory where they are")
    stamped = [names for names in sets if names.stamp != LATEST]
    complete = [names for names in stamped if not wanted.missing(names)]
    latest = [names for names in sets if names.stamp == LATEST and not wanted.missing(names)]
    return (complete or latest or stamped or sets)[-1]


def _own(sets: list[SetNames], part: PartName) -> SetNames:
    """The set that a file belongs to: with this very file, where others go by nearly the same name."""
    names = next((names for names in sets if part.name in _all_names(names)), None)
    if names is None:
        raise InputError("no such file", "check the path")
    return names


def _all_names(names: SetNames) -> set[str | None]:
    return {names.data, names.signature, *names.keys.values()}


def _followed(directory: Path, names: SetNames, wanted: _Wanted) -> tuple[Path, SetNames]:
    """The set that LATEST links to, if it is there whole: so that no link moves on while its fellows are read."""
    link = next(name for name in (names.data, names.signature, *names.keys.values()) if name is not None)
    target = Path(os.path.realpath(directory / link))
    part = parse_part(target.name)
    if part is not None and part.stamp != LATEST and target.exists():
        own = _own(_sets(target.parent), part)
        if not wanted.missing(own):
            return target.parent, own
    return directory, names


def _chosen(directory: Path, names: SetNames, wanted: _Wanted) -> _Set:
    missing = wanted.missing(names)
    if missing or names.data is None:
        raise InputError(
            f"the delivery is incomplete: there is no {' and no '.join(missing)}", "transfer what is missing"
        )
    if wanted.orgnr is None and len(names.keys) > 1:
        raise UsageError(f"{names.data} has keys for several organisations: {', '.join(names.keys)}", "give --orgnr")
    orgnr = wanted.orgnr or next(iter(names.keys))
    signature = directory / names.signature if names.signature is not None and wanted.signed else None
    return _Set(directory / names.data, signature, directory / names.keys[orgnr], orgnr)


def _data_name(data: Path) -> str:
    """How to call the data file: LATEST says nothing of which it was, so the file that it links to."""
    part = parse_part(data.name)
    is_latest = part is not None and part.stamp == LATEST
    return file_name(Path(os.path.realpath(data)) if is_latest else data)
