"""Opening of a delivery: verifies the ciphertext of the set that was found, and only then unwraps its key.

The program imports this at every start, so slow imports wait until there is a delivery.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.finding import data_name
from krr_export.input.delivery.names import check_orgnr
from krr_export.input.delivery.provenance import provenance_of
from krr_export.input.delivery.regular import file_name, open_regular
from krr_export.input.freshness import MAX_AHEAD, AgeLimits
from krr_export.util.fields import (
    Converted,
    Options,
    Passphrase,
    Secret,
    StrPath,
    check_names,
    optional_path,
    passphrase_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from io import BufferedReader
    from pathlib import Path

    from krr_export.input.delivery.finding import DeliveryPath
    from krr_export.input.delivery.provenance import Provenance
    from krr_export.input.delivery.unlocking import LoadedKeys


Mode: TypeAlias = Literal["auto", "exact", "legacy-buffer", "none"]
"""Which form of signature is accepted; ``none`` verifies nothing."""


class DeliveryKeywords(TypedDict, total=False):
    """Options of an encrypted delivery by name: fields of `DeliveryOptions`, to which a test holds them."""

    private_key: StrPath | None
    passphrase: Secret
    publisher_cert: StrPath | None
    signature: Mode
    orgnr: str | None


@dataclass(frozen=True, repr=False)
class DeliveryOptions(Options):
    """The keys that open deliveries, and what is accepted.

    Attributes:
        private_key: the receiver's: PEM or PKCS#12.
        passphrase: the private key's; or a function that returns it, called only if the key is encrypted.
        publisher_cert: whose signature is accepted: a certificate or a public key.
        signature: which form of signature is accepted; ``none`` verifies nothing.
        orgnr: the receiving organisation; needed if a set has keys for several.
        max_ahead: of a directory, a set whose name is further in the future counts only if there is no other. A
            conversion uses the value in its own options instead.
        keys: the content of ``private_key`` and ``publisher_cert``, if already read (`with_keys`).

    Raises:
        UsageError: ``orgnr`` is not an organisation's number, or ``max_ahead`` is not a duration.
    """

    private_key: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    passphrase: Converted[Secret, Passphrase] = Converted(passphrase_of, None)
    publisher_cert: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    signature: Mode = "auto"
    orgnr: str | None = None
    max_ahead: timedelta | str = MAX_AHEAD
    keys: LoadedKeys | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_orgnr(self.orgnr)
        _ = self.latest_stamp

    @property
    def latest_stamp(self) -> str:
        """The latest time that is not from the future, as in names of sets."""
        return AgeLimits.from_options(max_ahead=self.max_ahead).latest_stamp()


@dataclass(frozen=True)
class OpenedDelivery:
    """A delivery that may be read: its signature is the publisher's, and its key is ours.

    Attributes:
        file: the ciphertext, open at its beginning: exactly the file that was verified. The caller closes it.
        name: of the data file; if LATEST is a link, of its target.
        size: bytes of ciphertext, as verified.
        sha256: of the ciphertext, as verified, in hexadecimal; the caller compares it with what it reads.
        decrypt: decrypts the ciphertext's pieces in their order.
        provenance: for the report and the manifest: see `krr_export.input.delivery.provenance`.
    """

    file: BufferedReader
    name: str
    size: int
    sha256: str
    decrypt: Callable[[bytes], bytes]
    provenance: Provenance


def with_keywords(options: DeliveryOptions | None, keywords: DeliveryKeywords) -> DeliveryOptions:
    """Return the options with those given by name.

    Raises:
        UsageError: there is no such option, or its value is invalid.
    """
    check_names(DeliveryKeywords.__annotations__, keywords)
    if options is not None and not isinstance(options, DeliveryOptions):  # of a caller who is not type-checked
        raise UsageError("delivery is of another type", "give DeliveryOptions, or its keys by name")
    return replace(options or DeliveryOptions(), **keywords)


def with_keys(options: DeliveryOptions) -> DeliveryOptions:
    """Return the options with the keys read and checked, so that several deliveries need one prompt for a passphrase.

    Raises:
        InputError: a key is unusable.
        UsageError: a key was not given.
    """
    return replace(options, keys=_load_keys(options, "a delivery"))


def open_delivery(
    delivery: DeliveryPath,
    options: DeliveryOptions,
    on_read: Callable[[int], object] | None = None,
) -> OpenedDelivery:
    """Open a delivery for reading, after everything needed for it was checked.

    Args:
        delivery: any file of a set; or a directory, for the newest complete set in it that is not from the future.
        options: the keys, and what to accept.
        on_read: called with the number of bytes just read during verification; for progress.

    Raises:
        DeliveryError: the signature is not the publisher's, the set's key is not for the private key, or a file of the
            set makes no sense.
        InputError: a file of the set is missing or not a regular file; a key is unusable.
        UsageError: a key, or the organisation, was not given.
    """
    signed = options.signature != "none"
    found = delivery.find_set(options.orgnr, signed=signed, latest_stamp=options.latest_stamp)
    name = file_name(found.data)
    keys = options.keys or _load_keys(options, name)
    with _name_set_in_errors(name) if delivery.part is None else nullcontext():
        small = keys.read_small_files(found)
        file = open_regular(found.data)
        try:
            verified, decrypt = keys.unlock(file, small, options.signature, on_read)
        except BaseException:
            file.close()
            raise
    return OpenedDelivery(
        file=file,
        name=data_name(found.data),
        size=verified.size,
        sha256=verified.sha256,
        decrypt=decrypt,
        provenance=provenance_of(found.orgnr, verified.form, keys.publisher, found.newer),
    )


@contextmanager
def _name_set_in_errors(name: str) -> Iterator[None]:
    """Add the name of the set to an error's message: the caller named only the directory."""
    try:
        yield
    except InputError as error:
        message = error.message if name in error.message else f"{name}: {error.message}"
        raise type(error)(message, error.hint) from None


def _load_keys(options: DeliveryOptions, name: str) -> LoadedKeys:
    """Load the keys; ``name`` is what they are needed for."""
    if options.private_key is None:
        raise UsageError(f"{name} is encrypted", "give --private-key FILE")
    verifies = options.signature != "none"
    if verifies and options.publisher_cert is None:
        raise UsageError(
            "a delivery's signature is verified, and there is no certificate to do so",
            "--publisher-cert FILE, or --signature none if you must",
        )
    from krr_export.input.delivery.unlocking import LoadedKeys  # noqa: PLC0415 - a large library, for a delivery alone

    return LoadedKeys.load(options.private_key, options.passphrase, options.publisher_cert if verifies else None)
