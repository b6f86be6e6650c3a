"""Messages in which the signature is right and is not over what is read: each is refused."""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING, TypeAlias

import pytest
import soap_parties
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from soap_parties import NOW, PREFIXES, find

from krr_export.changes.soap import names
from krr_export.changes.soap.documents import canonical
from krr_export.changes.soap.envelope import Envelope, make_envelope
from krr_export.changes.soap.messages import hent_endringer, paa_vegne_av
from krr_export.changes.soap.protocol import open_request, sign_request
from krr_export.changes.soap.signing import sign
from krr_export.errors import InputError
from krr_export.input.delivery.keys import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    Attack: TypeAlias = "Callable[[etree._Element], None]"  # noqa: SLF001 - lxml has no public name for it

FORGED = "forged"
ID = f"{{{PREFIXES['wsu']}}}Id"


def _forge_body(root: etree._Element) -> etree._Element:
    """Put another body in the place of the signed one, which is returned."""
    signed = find(root, "s:Body")
    forged = copy.deepcopy(signed)
    for message in forged:
        message.set("fraEndringsNummer", "1")
    root.replace(signed, forged)
    return signed


def body_moved_into_the_header(root: etree._Element) -> None:
    signed = _forge_body(root)
    find(root, "s:Body").set(ID, FORGED)
    etree.SubElement(find(root, "s:Header"), "Wrapper").append(signed)


def body_moved_into_the_header_with_its_id_kept_twice(root: etree._Element) -> None:
    etree.SubElement(find(root, "s:Header"), "Wrapper").append(_forge_body(root))


def body_moved_into_security(root: etree._Element) -> None:
    signed = _forge_body(root)
    find(root, "s:Body").set(ID, FORGED)
    find(root, "s:Header/wsse:Security").append(signed)


def body_moved_into_an_object_of_the_signature(root: etree._Element) -> None:
    signed = _forge_body(root)
    find(root, "s:Body").set(ID, FORGED)
    etree.SubElement(find(root, "//ds:Signature"), f"{{{PREFIXES['ds']}}}Object").append(signed)


def body_moved_into_the_token(root: etree._Element) -> None:
    signed = _forge_body(root)
    find(root, "s:Body").set(ID, FORGED)
    find(root, "//wsse:BinarySecurityToken").append(signed)


def body_without_an_id_and_the_signed_one_beside_it(root: etree._Element) -> None:
    signed = _forge_body(root)
    del find(root, "s:Body").attrib[ID]
    root.append(signed)


def signed_body_within_the_forged_one(root: etree._Element) -> None:
    signed = _forge_body(root)
    find(root, "s:Body").set(ID, FORGED)
    find(root, "s:Body").append(signed)


def a_second_body(root: etree._Element) -> None:
    root.append(copy.deepcopy(find(root, "s:Body")))


def the_envelope_within_another(root: etree._Element) -> None:
    inner = copy.deepcopy(root)
    _forge_body(root)
    find(root, "s:Body").set(ID, FORGED)
    find(root, "s:Body").append(inner)


def another_kind_of_id_with_the_same_value(root: etree._Element) -> None:
    find(root, "s:Body")[0].set("Id", find(root, "s:Body").get(ID, ""))


def an_xml_id_with_the_same_value(root: etree._Element) -> None:
    find(root, "s:Body")[0].set("{http://www.w3.org/XML/1998/namespace}id", find(root, "s:Body").get(ID, ""))


def the_bodys_id_on_the_message_in_it(root: etree._Element) -> None:
    body = find(root, "s:Body")
    body[0].set(ID, body.attrib.pop(ID))


def timestamp_replaced(root: etree._Element) -> None:
    signed = find(root, "//wsu:Timestamp")
    forged = copy.deepcopy(signed)
    forged.set(ID, FORGED)
    find(forged, "wsu:Expires").text = "2099-01-01T00:00:00Z"
    security = find(root, "//wsse:Security")
    security.replace(signed, forged)
    etree.SubElement(find(root, "s:Header"), "Wrapper").append(signed)


def timestamp_twice(root: etree._Element) -> None:
    find(root, "//wsse:Security").append(copy.deepcopy(find(root, "//wsu:Timestamp")))


def timestamp_gone(root: etree._Element) -> None:
    find(root, "//wsse:Security").remove(find(root, "//wsu:Timestamp"))


def signature_twice(root: etree._Element) -> None:
    find(root, "//wsse:Security").append(copy.deepcopy(find(root, "//ds:Signature")))


def signature_in_the_body(root: etree._Element) -> None:
    find(root, "s:Body")[0].append(find(root, "//ds:Signature"))


def signature_gone(root: etree._Element) -> None:
    find(root, "//wsse:Security").remove(find(root, "//ds:Signature"))


def token_twice(root: etree._Element) -> None:
    find(root, "//wsse:Security").insert(0, copy.deepcopy(find(root, "//wsse:BinarySecurityToken")))


def security_twice(root: etree._Element) -> None:
    find(root, "s:Header").append(copy.deepcopy(find(root, "//wsse:Security")))


def security_gone(root: etree._Element) -> None:
    find(root, "s:Header").remove(find(root, "//wsse:Security"))


def header_gone(root: etree._Element) -> None:
    root.remove(find(root, "s:Header"))


def header_twice(root: etree._Element) -> None:
    root.insert(0, copy.deepcopy(find(root, "s:Header")))


def an_unknown_header(root: etree._Element) -> None:
    etree.SubElement(find(root, "s:Header"), "{urn:other}To").text = "someone"


def an_unknown_element_in_security(root: etree._Element) -> None:
    etree.SubElement(find(root, "//wsse:Security"), f"{{{PREFIXES['wsse']}}}UsernameToken")


def the_key_named_otherwise(root: etree._Element) -> None:
    find(root, "//ds:Signature/ds:KeyInfo//wsse:Reference").set("URI", "#other")


def a_key_of_its_own_in_key_info(root: etree._Element) -> None:
    etree.SubElement(find(root, "//ds:Signature/ds:KeyInfo"), f"{{{PREFIXES['ds']}}}KeyValue")


def a_reference_gone(root: etree._Element) -> None:
    info = find(root, "//ds:SignedInfo")
    info.remove(info[-1])


def reference_to_the_whole_document(root: etree._Element) -> None:
    find(root, "//ds:Reference[1]").set("URI", "")


def reference_by_xpointer(root: etree._Element) -> None:
    find(root, "//ds:Reference[1]").set("URI", "#xpointer(/)")


def signature_method_hmac(root: etree._Element) -> None:
    find(root, "//ds:SignatureMethod").set("Algorithm", f"{PREFIXES['ds']}hmac-sha1")


def digest_method_none(root: etree._Element) -> None:
    del find(root, "//ds:Reference[1]/ds:DigestMethod").attrib["Algorithm"]


def inclusive_canonicalization(root: etree._Element) -> None:
    method = find(root, "//ds:CanonicalizationMethod")
    method.set("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")


ATTACKS: list[Attack] = [
    value for name, value in list(globals().items()) if callable(value) and getattr(value, "__module__", "") == __name__
    and not name.startswith("_")
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_request_made_to_hold_what_was_not_signed_is_refused(attack: Attack) -> None:
    root = etree.fromstring(soap_parties.request().document)
    attack(root)
    with pytest.raises(InputError):
        soap_parties.open_request(etree.tostring(root))


@pytest.mark.parametrize("recipient", [None, "client"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_answer_made_to_hold_what_was_not_signed_is_refused(attack: Attack, recipient: str | None) -> None:
    root = etree.fromstring(soap_parties.answer(recipient=recipient))
    attack(root)
    with pytest.raises(InputError):
        soap_parties.open_answer(etree.tostring(root))


# What a trusted signer signed, but not as the service does: here each signature is right.


def _signed(change: Callable[[etree._Element], None]) -> bytes:
    """A request whose SignedInfo is changed and then signed, by one who is trusted."""
    envelope = Envelope.parse(soap_parties.request().document)
    change(envelope.root)
    info = find(envelope.root, "//ds:SignedInfo")
    value = soap_parties.party("client").key.sign(canonical(info), PKCS1v15(), SHA256())
    find(envelope.root, "//ds:SignatureValue").text = base64.b64encode(value).decode()
    return etree.tostring(envelope.root)


def _nothing(_root: etree._Element) -> None:
    pass


def test_what_is_signed_anew_is_accepted_if_nothing_is_changed() -> None:
    assert soap_parties.open_request(_signed(_nothing)).on_behalf_of == soap_parties.ORGNR


def _drop_reference(ordinal: int) -> Attack:
    def change(root: etree._Element) -> None:
        reference = find(root, f"//ds:Reference[{ordinal}]")
        find(root, "//ds:SignedInfo").remove(reference)

    return change


def _double_reference(root: etree._Element) -> None:
    info = find(root, "//ds:SignedInfo")
    info.append(copy.deepcopy(info[-1]))


def _refer_to_the_envelope(root: etree._Element) -> None:
    root.set(ID, "whole")
    reference = copy.deepcopy(find(root, "//ds:Reference[1]"))
    reference.set("URI", "#whole")
    find(root, "//ds:SignedInfo").append(reference)


def _add_transform(root: etree._Element) -> None:
    transforms = find(root, "//ds:Reference[1]/ds:Transforms")
    transform = etree.SubElement(transforms, f"{{{PREFIXES['ds']}}}Transform")
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")


def _no_transform(root: etree._Element) -> None:
    reference = find(root, "//ds:Reference[1]")
    reference.remove(find(reference, "ds:Transforms"))


def _sha1_digest(root: etree._Element) -> None:
    find(root, "//ds:Reference[1]/ds:DigestMethod").set("Algorithm", f"{PREFIXES['ds']}sha1")


def _sha1_signature(root: etree._Element) -> None:
    find(root, "//ds:SignatureMethod").set("Algorithm", f"{PREFIXES['ds']}rsa-sha1")


def _hmac_length(root: etree._Element) -> None:
    etree.SubElement(find(root, "//ds:SignatureMethod"), f"{{{PREFIXES['ds']}}}HMACOutputLength").text = "0"


def _digest_with_a_child(root: etree._Element) -> None:
    etree.SubElement(find(root, "//ds:Reference[1]/ds:DigestMethod"), "{urn:other}parameter")


def _foreign_header(root: etree._Element) -> None:
    etree.SubElement(find(root, "s:Header"), "{urn:other}To")


@pytest.mark.parametrize(
    "change",
    [
        *map(_drop_reference, (1, 2, 3)),
        *(_double_reference, _refer_to_the_envelope, _add_transform, _no_transform, _sha1_digest, _sha1_signature),
        *(_hmac_length, _foreign_header, _digest_with_a_child),
    ],
)
def test_what_a_trusted_signer_signed_otherwise_than_the_service_does_is_refused(change: Attack) -> None:
    with pytest.raises(InputError):
        soap_parties.open_request(_signed(change))


@pytest.mark.parametrize("change", [_sha1_digest, _sha1_signature])
def test_of_sha_1_it_is_said_that_it_proves_nothing(change: Attack) -> None:
    with pytest.raises(InputError, match="signed with SHA-1, as those of version 14-05 were"):
        soap_parties.open_request(_signed(change))


def test_a_request_on_behalf_of_somebody_whose_header_is_not_signed_is_refused() -> None:
    # As the publisher's .NET client sent it.
    envelope = Envelope.parse(soap_parties.request(on_behalf_of=None).document)
    header = paa_vegne_av(soap_parties.ORGNR)
    header.set(ID, "unsigned")
    assert envelope.header is not None
    envelope.header.append(header)
    with pytest.raises(InputError, match="not exactly the elements are signed"):
        soap_parties.open_request(etree.tostring(envelope.root))


def test_a_header_in_the_namespace_that_some_documentation_names_is_refused() -> None:
    wrong = "http://kontaktinfo.difi.no/wsdl/oppslagstjeneste-16-02"
    message = hent_endringer(600)
    header = etree.Element(f"{{{wrong}}}Oppslagstjenesten")
    etree.SubElement(header, f"{{{wrong}}}PaaVegneAv").text = soap_parties.ORGNR
    envelope = make_envelope(message, [header])
    sign(envelope, soap_parties.party("client"), now=NOW)
    with pytest.raises(InputError, match="a header that is not known"):
        soap_parties.open_request(etree.tostring(envelope.root))
    assert f"{{{PREFIXES['o']}}}Oppslagstjenesten" == names.ON_BEHALF_OF


@pytest.mark.parametrize("name", ["Signature", "Timestamp", "BinarySecurityToken", "SignatureConfirmation"])
def test_a_part_of_the_security_header_within_the_body_is_refused_though_it_is_signed(name: str) -> None:
    parts = {"Signature": "ds", "SignatureConfirmation": "wsse11", "Timestamp": "wsu", "BinarySecurityToken": "wsse"}
    message = hent_endringer(600)
    etree.SubElement(message, f"{{{PREFIXES[parts[name]]}}}{name}")
    envelope = make_envelope(message)
    sign(envelope, soap_parties.party("client"), now=NOW)
    with pytest.raises(InputError, match=f"{name} is there twice, or not where it must be"):
        soap_parties.open_request(etree.tostring(envelope.root))


def test_a_weak_key_is_not_trusted_even_if_it_is_given() -> None:
    made = sign_request(hent_endringer(600), soap_parties.party("weak", bits=1024), now=NOW)
    trusted = {fingerprint(soap_parties.party("weak", bits=1024).key.public_key())}
    with pytest.raises(InputError, match="signed by another than who is trusted"):
        open_request(made.document, trusted, at=NOW)
