"""Requests to the closed SOAP service, and its answers, as files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.changes.soap import messages, protocol, transport
from krr_export.changes.soap.documents import MAX_BYTES
from krr_export.changes.soap.envelope import Envelope
from krr_export.changes.soap.signing import Signer
from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.keys import fingerprint, load_certificate, load_private_key, load_publisher
from krr_export.input.delivery.regular import file_name, read_errors
from krr_export.input.http.exchange import trusted
from krr_export.transform.derivation import parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from krr_export.util.fields import Passphrase


@dataclass(frozen=True)
class AnswerKeys:
    """What an answer is opened with.

    Attributes:
        publisher_cert: whose signature is accepted: a certificate or a public key.
        private_key: the recipient's key; ``None`` if there is none.
        passphrase: of that key; called only if it is encrypted.
        as_of: when the answer must be valid, ISO 8601; ``None`` is the present.
    """

    publisher_cert: Path
    private_key: Path | None
    passphrase: Passphrase
    as_of: str | None = None

    def load_private_key(self) -> RSAPrivateKey:
        """Read the recipient's key.

        Raises:
            InputError: there is none, or it is unusable.
        """
        if self.private_key is None:
            raise InputError("the answer is encrypted", "give --private-key: that of the request's certificate")
        return load_private_key(self.private_key, self.passphrase)

    def open(self, data: bytes, request_signature: bytes | None) -> protocol.Opened:
        """Verify an answer, and decrypt it; see `protocol.open_answer`."""
        at = self.moment()
        publisher = load_publisher(self.publisher_cert, now=at).fingerprint
        return protocol.open_answer(
            data, {publisher}, self.load_private_key, request_signature=request_signature, at=at
        )

    def moment(self) -> datetime | None:
        """Return when the answer must be valid.

        Raises:
            UsageError: ``as_of`` is not a time.
        """
        return None if self.as_of is None else parse_moment(self.as_of)


def open_soap_answer(answer: Path, keys: AnswerKeys, request: Path | None = None) -> protocol.Opened:
    """Verify and decrypt an answer of the closed service that lies in a file.

    Args:
        answer: the envelope as it was received.
        keys: what it is opened with.
        request: the request that it answers, if that is at hand: then it must confirm it.

    Raises:
        InputError: it is a fault, is no answer, or is not to be trusted.
    """
    data = _read_envelope(answer)
    signature = None if request is None else protocol.signature_of_request(_read_envelope(request))
    return keys.open(data, signature)


def call_soap(url: str, request: Path, keys: AnswerKeys, *, ca: Path | None = None) -> protocol.Opened:
    """Send a request, and open the answer.

    Args:
        url: of the service.
        request: the file of the request.
        keys: what the answer is opened with.
        ca: a file of authorities to trust instead of the system's.

    Raises:
        UsageError: the address will not do.
        NetworkError: the service cannot be asked.
        InputError: it answered with a fault, or the answer is not to be trusted.
    """
    document = _read_envelope(request)
    address, context = transport.parse_url("URL", url), trusted(ca)
    signature = protocol.signature_of_request(document)
    load_publisher(keys.publisher_cert, now=keys.moment())
    return keys.open(transport.post(address, document, context), signature)


def make_soap_request(
    message: messages.Message, key: Path, certificate: Path, passphrase: Passphrase, on_behalf_of: str | None
) -> protocol.SignedRequest:
    """Sign a request.

    Args:
        message: made by `changes.soap.messages`.
        key: the sender's private key.
        certificate: the sender's certificate, of that key.
        passphrase: of the key; called only if it is encrypted.
        on_behalf_of: for which organisation it is made; ``None``: for the sender itself.

    Raises:
        InputError: the key or the certificate is unusable, or they do not belong together.
        UsageError: ``on_behalf_of`` is no organisation number.
    """
    signer = load_signer(key, certificate, passphrase)
    return protocol.sign_request(message, signer, on_behalf_of=on_behalf_of)


def load_signer(key: Path, certificate: Path, passphrase: Passphrase) -> Signer:
    """Read who signs requests.

    Raises:
        InputError: the key or the certificate is unusable, or they do not belong together.
    """
    sender = load_certificate(certificate)
    signer = Signer(load_private_key(key, passphrase), sender)
    if fingerprint(signer.key.public_key()) != fingerprint(sender.public_key()):
        raise InputError(
            f"{file_name(key)} is not the key of {file_name(certificate)}", "give the two that belong together"
        )
    return signer


def make_message(
    operation: str, *, persons: Path | None, first: int | None, needs: Sequence[messages.Need]
) -> messages.Message:
    """Make a request's message.

    Args:
        operation: hent-personer, hent-endringer or hent-print-sertifikat.
        persons: of hent-personer: a file with one identity number a line.
        first: of hent-endringer: the first change number.
        needs: what is asked for about each person; all that a local copy needs if empty.

    Raises:
        UsageError: what the operation needs is missing, or what it does not take is given.
        InputError: the file cannot be read.
    """
    takes = {"hent-personer": (True, False), "hent-endringer": (False, True)}.get(operation, (False, False))
    for option, value, is_taken in (("--persons", persons, takes[0]), ("--from", first, takes[1])):
        if (value is not None) != is_taken:
            raise UsageError(f"{operation} {'needs' if is_taken else 'does not take'} {option}", "see --help")
    if needs and not any(takes):
        raise UsageError(f"{operation} does not take --informasjonsbehov", "see --help")
    asked = needs or messages.ALL_GROUPS
    if persons is not None:
        return messages.hent_personer(_identity_numbers(persons), asked)
    return messages.hent_print_sertifikat() if first is None else messages.hent_endringer(first, asked)


def _identity_numbers(path: Path) -> list[str]:
    try:
        numbers = _read(path).decode().split()
    except UnicodeDecodeError:
        raise InputError(f"{file_name(path)} is not text", "one identity number a line") from None
    if not 1 <= len(numbers) <= messages.MAX_PERSONS:
        raise InputError(
            f"{file_name(path)} has {len(numbers)} identity numbers", f"1 to {messages.MAX_PERSONS} can be asked for"
        )
    return numbers


def _read_envelope(path: Path) -> bytes:
    """Read a message's file, and see that it is an envelope: else the error names the file."""
    data = _read(path)
    try:
        Envelope.parse(data)
    except InputError as error:
        raise InputError(f"{file_name(path)}: {error.message}", error.hint) from None
    return data


def _read(path: Path) -> bytes:
    """Read a message's file; one byte more than a message may have is enough to refuse it."""
    with read_errors(file_name(path)), path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
