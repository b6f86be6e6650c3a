"""The parts of a secured message, each found by its place alone, and one of each in the whole document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.changes.soap import names
from krr_export.changes.soap.documents import count_ids, malformed, only_child

if TYPE_CHECKING:
    from krr_export.changes.soap.envelope import Envelope

_PARTS = (names.TOKEN, names.TIMESTAMP, names.SIGNATURE, names.CONFIRMATION, names.ENCRYPTED_KEY)


@dataclass(frozen=True)
class Secured:
    """What lies in the one header Security, and what the signature must cover.

    Attributes:
        token: the signer's certificate.
        timestamp: when the message is valid.
        signature: of the message.
        confirmation: in an answer, what it says is the request's signature; ``None`` if it has none.
        encrypted_key: ``None`` if the message is not encrypted.
        on_behalf_of: the header Oppslagstjenesten; ``None`` if there is none.
        body: the envelope's.
        identities: the Ids of the elements that must be signed, each the only one of its value in the document.
        token_identity: the Id of the token, likewise.
    """

    token: etree._Element
    timestamp: etree._Element
    signature: etree._Element
    confirmation: etree._Element | None
    encrypted_key: etree._Element | None
    on_behalf_of: etree._Element | None
    body: etree._Element
    identities: dict[str, etree._Element]
    token_identity: str

    @classmethod
    def find(cls, envelope: Envelope) -> Secured:
        """Find the parts of a message.

        Raises:
            InputError: one is missing, lies elsewhere, is there twice, or is not known; or an Id is not unique.
        """
        security, on_behalf_of = _find_headers(envelope)
        found = {name: _find_part(envelope.root, security, name) for name in _PARTS}
        if len(security) != sum(part is not None for part in found.values()):
            raise malformed("its header Security has an element that is not known")
        token, timestamp, signature = (_needed(found, name) for name in _PARTS[:3])
        signed = [timestamp, envelope.body, found[names.CONFIRMATION], on_behalf_of]
        ids = count_ids(envelope.root)
        identities = {identity_of(part, ids): part for part in signed if part is not None}
        return cls(
            token, timestamp, signature, found[names.CONFIRMATION], found[names.ENCRYPTED_KEY], on_behalf_of,
            envelope.body, identities, identity_of(token, ids),
        )  # fmt: skip


def identity_of(element: etree._Element, ids: dict[str, int]) -> str:
    """Return an element's wsu:Id.

    Args:
        element: the element.
        ids: how often each Id is in the document.

    Raises:
        InputError: it has none, or another element has the same.
    """
    identity = element.get(names.ID)
    if not identity:
        raise malformed(f"{etree.QName(element).localname} has no Id, so it is not signed")
    if ids[identity] != 1:
        raise malformed("two elements have the same Id")
    return identity


def _find_headers(envelope: Envelope) -> tuple[etree._Element, etree._Element | None]:
    """Return the header Security and the header Oppslagstjenesten; no other header is known."""
    if envelope.header is None:
        raise malformed("it has no header")
    security = only_child(envelope.header, names.SECURITY)
    if len(list(envelope.root.iter(names.SECURITY))) != 1:
        raise malformed("it has several headers Security")
    others = [header for header in envelope.header if header is not security]
    if not others:
        return security, None
    if [header.tag for header in others] != [names.ON_BEHALF_OF]:
        raise malformed("it has a header that is not known")
    return security, others[0]


def _find_part(root: etree._Element, security: etree._Element, name: str) -> etree._Element | None:
    everywhere = list(root.iter(name))
    if len(everywhere) > 1 or any(part.getparent() is not security for part in everywhere):
        raise malformed(f"{etree.QName(name).localname} is there twice, or not where it must be")
    return everywhere[0] if everywhere else None


def _needed(found: dict[str, etree._Element | None], name: str) -> etree._Element:
    part = found[name]
    if part is None:
        raise malformed(f"it has no {etree.QName(name).localname}")
    return part
