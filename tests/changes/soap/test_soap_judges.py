"""What signxml and xmlsec, written by others, make of the messages made here; and what is made of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import soap_parties
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml.exceptions import InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier
from soap_parties import NOW, ORGNR, PREFIXES, find

from krr_export.errors import InputError

if TYPE_CHECKING:
    from krr_export.changes.soap.names import Cipher

ID = f"{{{PREFIXES['wsu']}}}Id"


def _private(name: str) -> xmlsec.Key:
    pem = soap_parties.party(name).key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)


def _register_ids(root: etree._Element) -> xmlsec.SignatureContext:
    context = xmlsec.SignatureContext()
    for element in root.iter(etree.Element):
        if element.get(ID):
            context.register_id(element, "Id", PREFIXES["wsu"])
    return context


@pytest.mark.parametrize("on_behalf_of", [None, ORGNR])
def test_xmlsec_verifies_our_signature(on_behalf_of: str | None) -> None:
    root = etree.fromstring(soap_parties.request(on_behalf_of).document)
    context = _register_ids(root)
    context.key = _private("client")
    context.verify(find(root, "//ds:Signature"))
    find(root, "//o:HentEndringerForespoersel").set("fraEndringsNummer", "1")
    context = _register_ids(root)
    context.key = _private("client")
    with pytest.raises(xmlsec.Error):
        context.verify(find(root, "//ds:Signature"))


@pytest.mark.parametrize("on_behalf_of", [None, ORGNR])
def test_signxml_verifies_our_signature(on_behalf_of: str | None) -> None:
    document = soap_parties.request(on_behalf_of).document
    certificate = soap_parties.party("client").certificate.public_bytes(Encoding.PEM).decode()
    expected = 3 if on_behalf_of else 2
    configuration = SignatureConfiguration(expect_references=expected, location=".//", verification_time=NOW)
    verified = XMLVerifier().verify(
        document, x509_cert=certificate, id_attribute="Id", expect_config=configuration, ignore_ambiguous_key_info=True
    )
    assert isinstance(verified, list)
    signed = {etree.QName(one.signed_xml).localname for one in verified if one.signed_xml is not None}
    assert signed == {"Body", "Timestamp"} | ({"Oppslagstjenesten"} if on_behalf_of else set())
    changed = document.replace(b'fraEndringsNummer="600"', b'fraEndringsNummer="601"')
    with pytest.raises(InvalidSignature):
        XMLVerifier().verify(
            changed, x509_cert=certificate, id_attribute="Id", expect_config=configuration,
            ignore_ambiguous_key_info=True,
        )  # fmt: skip


@pytest.mark.parametrize("cipher", ["aes256-cbc", "aes256-gcm"])
def test_xmlsec_decrypts_our_answer(cipher: Cipher) -> None:
    opened = soap_parties.open_answer(soap_parties.answer(recipient=None))
    root = etree.fromstring(soap_parties.answer(cipher=cipher))
    manager = xmlsec.KeysManager()
    manager.add_key(_private("client"))
    encrypted_key = find(root, "//xenc:EncryptedKey")
    context = xmlsec.EncryptionContext(manager)
    key = context.decrypt(encrypted_key)
    kind = xmlsec.constants.KeyDataAes
    data = xmlsec.EncryptionContext()
    data.key = xmlsec.Key.from_binary_data(kind, key)  # type: ignore[type-var]  # of an EncryptedKey it returns the key
    body = find(root, "s:Body")
    data.decrypt(find(body, "xenc:EncryptedData"))
    assert etree.tostring(body[0], method="c14n", exclusive=True) + b"\n" == opened.document


def _signed_by_xmlsec(prefixes: str | None) -> bytes:
    """A request signed anew by xmlsec, with InclusiveNamespaces in each canonicalization, as many clients had it."""
    root = etree.fromstring(soap_parties.request().document.replace(b"<soap:Body", b'<soap:Body xmlns:more="urn:more"'))
    if prefixes is not None:
        for method in root.iter(f"{{{PREFIXES['ds']}}}CanonicalizationMethod", f"{{{PREFIXES['ds']}}}Transform"):
            namespace = "http://www.w3.org/2001/10/xml-exc-c14n#"
            etree.SubElement(
                method, f"{{{namespace}}}InclusiveNamespaces", nsmap={"ec": namespace}, PrefixList=prefixes
            )
    context = _register_ids(root)
    context.key = _private("client")
    for emptied in ("DigestValue", "SignatureValue"):
        for element in root.iter(f"{{{PREFIXES['ds']}}}{emptied}"):
            element.text = None
    context.sign(find(root, "//ds:Signature"))
    return etree.tostring(root)


@pytest.mark.parametrize("prefixes", [None, "", "soap", "more", "soap more wsse", "#default more"])
def test_what_xmlsec_signed_is_verified_here(prefixes: str | None) -> None:
    document = _signed_by_xmlsec(prefixes)
    opened = soap_parties.open_request(document)
    assert (opened.message.get("fraEndringsNummer"), opened.on_behalf_of) == ("600", ORGNR)
    with pytest.raises(InputError):
        soap_parties.open_request(document.replace(b'"600"', b'"601"'))
    if prefixes is not None and "more" in prefixes:
        with pytest.raises(InputError):
            soap_parties.open_request(document.replace(b'"urn:more"', b'"urn:less"'))


@pytest.mark.parametrize("cipher", ["cbc", "gcm"])
def test_what_xmlsec_encrypted_is_decrypted_here(cipher: str) -> None:
    plain = etree.fromstring(soap_parties.answer(recipient=None))
    kind = {"cbc": xmlsec.constants.TransformAes256Cbc, "gcm": xmlsec.constants.TransformAes256Gcm}[cipher]
    data = xmlsec.template.encrypted_data_create(plain, kind, type=xmlsec.constants.TypeEncContent, ns="xenc")
    data.set("Id", "data")
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    key = xmlsec.template.add_encrypted_key(info, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(key)
    manager = xmlsec.KeysManager()
    manager.add_key(_private("client"))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, 256, xmlsec.constants.KeyDataTypeSession)
    data = context.encrypt_xml(data, find(plain, "s:Body"))
    # xmlsec puts the wrapped key into the data; this service has it in the header Security, which is not signed.
    data.remove(find(data, "ds:KeyInfo"))
    references = etree.SubElement(key, f"{{{PREFIXES['xenc']}}}ReferenceList")
    etree.SubElement(references, f"{{{PREFIXES['xenc']}}}DataReference", URI="#data")
    find(plain, "//wsse:Security").append(key)
    opened = soap_parties.open_answer(etree.tostring(plain))
    assert (opened.was_encrypted, len(opened.message)) == (True, 3)
