"""Requests and answers of the closed service, from both of its sides.

A client signs a request (`sign_request`) and opens the answer (`open_answer`); a register opens the request
(`open_request`) and seals its answer (`seal_answer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.changes.soap import names
from krr_export.changes.soap.documents import bytes_of, canonical, check_children, count_ids, malformed, parse
from krr_export.changes.soap.encryption import Recipient, decrypt_body, encrypt_body, is_encrypted, undecipherable
from krr_export.changes.soap.envelope import Envelope, make_envelope
from krr_export.changes.soap.messages import paa_vegne_av
from krr_export.changes.soap.schemas import ANSWER, REQUEST, check_known, find_faults
from krr_export.changes.soap.security import Secured, identity_of
from krr_export.changes.soap.signing import Signer, sign
from krr_export.changes.soap.verifying import Signature, check_time, verify_signature
from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ANSWER_LIFE = timedelta(seconds=60)
"""Of the service's answers."""


@dataclass(frozen=True)
class SignedRequest:
    """A request that can be sent, and the value of its signature, which the answer must confirm."""

    document: bytes
    signature: bytes


@dataclass(frozen=True)
class Opened:
    """A verified message.

    Attributes:
        message: the element in the body, parsed from the very octets that were signed.
        signature: the value of the message's signature.
        certificate: the signer's.
        on_behalf_of: for which organisation a request is made; ``None`` if it does not say so.
        created: when it was made, by the signer's clock.
        was_encrypted: whether the body was encrypted.
    """

    message: etree._Element
    signature: bytes
    certificate: x509.Certificate
    on_behalf_of: str | None
    created: datetime
    was_encrypted: bool

    @property
    def name(self) -> str:
        """The message's name, such as HentEndringerRespons."""
        return etree.QName(self.message).localname

    @property
    def namespace(self) -> str:
        """The message's namespace, which is its service's."""
        return etree.QName(self.message).namespace or ""

    @property
    def persons(self) -> int:
        """How many persons it holds."""
        return len(self.message.findall("{*}Person"))

    @property
    def document(self) -> bytes:
        """The message as a document of its own."""
        return canonical(self.message) + b"\n"

    def find_faults(self) -> list[str]:
        """Say where the message breaks its XSD, without values."""
        return find_faults(self.message)

    def check_request(self) -> None:
        """Check that the message is a request of the services, and valid by its XSD.

        Raises:
            InputError: it is not.
        """
        check_known(self.message, REQUEST)
        if places := self.find_faults():
            raise InputError(f"the request is not valid: {places[0]}", "make it by the XSD")


def sign_request(
    message: etree._Element,
    signer: Signer,
    *,
    on_behalf_of: str | None = None,
    now: datetime | None = None,
) -> SignedRequest:
    """Put a request into an envelope and sign it.

    Args:
        message: made by `messages`; it is moved into the envelope.
        signer: the sender.
        on_behalf_of: the number of the organisation that the request is made for; only for Oppslagstjenesten.
        now: when it is made; the present by default.

    Raises:
        UsageError: the organisation's number is none.
    """
    headers = [] if on_behalf_of is None else [paa_vegne_av(on_behalf_of)]
    envelope = make_envelope(message, headers, soap_of(message))
    signature = sign(envelope, signer, now=now)
    return SignedRequest(etree.tostring(envelope.root), signature)


def seal_answer(
    message: etree._Element,
    signer: Signer,
    *,
    confirms: bytes,
    recipient: Recipient | None,
    now: datetime | None = None,
) -> bytes:
    """Put an answer into an envelope, sign it and encrypt its body, as the register did.

    Args:
        message: made by `messages`; it is moved into the envelope.
        signer: the register.
        confirms: the value of the request's signature.
        recipient: who asked; ``None`` leaves the body unencrypted.
        now: when it is made; the present by default.
    """
    envelope = make_envelope(message, soap=soap_of(message))
    sign(envelope, signer, now=now, life=ANSWER_LIFE, confirms=confirms)
    if recipient is not None:
        security = envelope.root.find(f"*/{names.SECURITY}")
        assert security is not None  # noqa: S101 - made by signing
        encrypt_body(envelope, security, recipient)
    return etree.tostring(envelope.root)


def open_request(data: bytes, trusted: Collection[str], *, at: datetime | None = None) -> Opened:
    """Verify a request, and check it.

    Args:
        data: the envelope.
        trusted: the fingerprints of the senders' keys.
        at: when it must be valid; the present by default.

    Raises:
        InputError: it is no request, is not valid by its XSD, or is not to be trusted.
    """
    opened = verify_request(data, trusted, at=at)
    opened.check_request()
    return opened


def verify_request(data: bytes, trusted: Collection[str], *, at: datetime | None = None) -> Opened:
    """Verify who sent a message and that it is secured as a request; which one it is, is still to be checked.

    Args:
        data: the envelope.
        trusted: the fingerprints of the senders' keys.
        at: when it must be valid; the present by default.

    Raises:
        InputError: it is not to be trusted.
    """
    envelope = Envelope.parse(data)
    secured = Secured.find(envelope)
    if is_encrypted(envelope) or secured.confirmation is not None:
        raise malformed("it is not secured as a request is")
    return _open(envelope, secured, trusted, at, None)


def open_answer(
    data: bytes,
    trusted: Collection[str],
    private_key: Callable[[], RSAPrivateKey],
    *,
    request_signature: bytes | None = None,
    at: datetime | None = None,
) -> Opened:
    """Verify an answer, and decrypt it.

    Args:
        data: the envelope.
        trusted: the fingerprints of the register's keys.
        private_key: returns the recipient's key; called only if the answer is encrypted and its signature right.
        request_signature: the value of the request's signature, which the answer must confirm; ``None``: not known.
        at: when it must be valid; the present by default.

    Raises:
        SoapFaultError: it is a fault.
        InputError: it is no answer, or is not to be trusted.
    """
    envelope = Envelope.parse(data)
    envelope.raise_for_fault()
    secured = Secured.find(envelope)
    if secured.on_behalf_of is not None:
        raise malformed("it has a header that is not known")
    _check_confirmation(secured, request_signature)
    opened = _open(envelope, secured, trusted, at, private_key)
    check_known(opened.message, ANSWER)
    return opened


def signature_of_request(data: bytes) -> bytes:
    """Return the value of a request's signature, for its answer; the request is one's own, so it is not verified.

    Raises:
        InputError: it is no signed message.
    """
    value = Secured.find(Envelope.parse(data)).signature.find(f"{{{names.DS}}}SignatureValue")
    if value is None:
        raise malformed("it has no SignatureValue")
    return bytes_of(value)


def soap_of(message: etree._Element) -> str:
    """Return the version of SOAP that a message's service speaks: 1.2 for 16-02, 1.1 for all others."""
    return names.SOAP_12 if etree.QName(message).namespace == names.SERVICE_16_02 else names.SOAP_11


def _open(
    envelope: Envelope,
    secured: Secured,
    trusted: Collection[str],
    at: datetime | None,
    private_key: Callable[[], RSAPrivateKey] | None,
) -> Opened:
    """Verify all that is signed; decrypt only what a trusted signature is over, and use only what it then holds for."""
    moment = at or datetime.now(UTC)
    signature = verify_signature(secured, trusted, moment)
    signature.check_elements(secured)
    created = check_time(secured.timestamp, moment)
    was_encrypted = is_encrypted(envelope)
    if was_encrypted and private_key is not None:
        octets = _decrypted_octets(envelope, secured, signature, private_key())
    else:
        octets = signature.octets(str(secured.body.get(names.ID)), secured.body)
    children = list(parse(octets))
    if len(children) != 1:
        raise malformed("its body does not hold one message")
    on_behalf_of = None if secured.on_behalf_of is None else secured.on_behalf_of.findtext("{*}PaaVegneAv")
    return Opened(children[0], signature.value, signature.certificate, on_behalf_of, created, was_encrypted)


def _decrypted_octets(envelope: Envelope, secured: Secured, signature: Signature, private_key: RSAPrivateKey) -> bytes:
    """Return the canonical octets of the decrypted body; whatever is wrong with them is the same error."""
    decrypted = decrypt_body(envelope, secured.encrypted_key, private_key)
    try:
        identity = identity_of(decrypted.body, count_ids(decrypted.root))
        return signature.octets(identity, decrypted.body)
    except (InputError, KeyError):
        raise undecipherable() from None


def _check_confirmation(secured: Secured, request_signature: bytes | None) -> None:
    """Check that an answer is to the request, if that is known. `check_elements` sees that it is signed."""
    if secured.confirmation is None:
        raise malformed("it does not confirm a request's signature")
    check_children(secured.confirmation)
    if request_signature is None:
        return
    holder = etree.Element("Value")
    holder.text = secured.confirmation.get("Value")
    if bytes_of(holder) != request_signature:
        raise malformed("it is the answer to another request")
