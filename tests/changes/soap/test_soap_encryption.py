"""Encrypted answers: opened with the right key alone, and whatever is wrong with one is said in the same words."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING

import pytest
import soap_parties
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1
from lxml import etree
from soap_parties import PREFIXES, find

from krr_export.changes.soap.encryption import Recipient, encrypt_body, undecipherable
from krr_export.changes.soap.envelope import Envelope
from krr_export.changes.soap.messages import hent_endringer_respons
from krr_export.changes.soap.protocol import open_answer
from krr_export.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from krr_export.changes.soap.names import Cipher

CIPHERS: tuple[Cipher, ...] = ("aes256-cbc", "aes256-gcm")
VALUE = "s:Body/xenc:EncryptedData/xenc:CipherData/xenc:CipherValue"


def same_error(data: bytes, key: str = "client") -> None:
    with pytest.raises(InputError) as caught:
        soap_parties.open_answer(data, key=key)
    assert str(caught.value) == str(undecipherable())


def encrypted_anew(content: bytes, cipher: Cipher = "aes256-cbc") -> bytes:
    """An answer whose signature is right, with this for the plaintext: whoever knows the certificate can do so."""
    signed = Envelope.parse(soap_parties.answer(recipient=None))
    recipient = Recipient(soap_parties.party("client").certificate, cipher)
    place = etree.Element("place")
    place.text = "x"
    body = find(signed.root, "s:Body")
    body.replace(body[0], place)
    security = find(signed.root, "//wsse:Security")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("krr_export.changes.soap.encryption.canonical", lambda _: content)
        encrypt_body(signed, security, recipient)
    return etree.tostring(signed.root)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_another_recipients_key_does_not_open_it(cipher: Cipher) -> None:
    same_error(soap_parties.answer(cipher=cipher), key="somebody")


@pytest.mark.parametrize("cipher", CIPHERS)
def test_whatever_is_changed_in_the_encrypted_body_gives_the_same_error(cipher: Cipher) -> None:
    root = etree.fromstring(soap_parties.answer(cipher=cipher))
    value = find(root, VALUE)
    original = base64.b64decode(value.text or "")
    chance = random.Random(1)  # noqa: S311 - a seed, so that it fails again
    positions = {*range(48), *range(len(original) - 48, len(original)), *chance.sample(range(len(original)), 100)}
    for position in positions:
        changed = bytearray(original)
        changed[position] ^= 1 << chance.randrange(8)
        value.text = base64.b64encode(changed).decode()
        same_error(etree.tostring(root))


@pytest.mark.parametrize("size", [0, 1, 12, 15, 16, 17, 31, 32, 48])
@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_body_cut_short_gives_the_same_error(cipher: Cipher, size: int) -> None:
    root = etree.fromstring(soap_parties.answer(cipher=cipher))
    value = find(root, VALUE)
    value.text = base64.b64encode(base64.b64decode(value.text or "")[:size]).decode()
    same_error(etree.tostring(root))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<broken",
        b"<!DOCTYPE a><a/>",
        b"<?pi?>",
        b"<?decrypted here?>",
        b"\xff\xfe",
        b'<?xml version="1.0"?><a/>',
        b"</content><content>",
        b'</soap:Body><soap:Body xmlns:soap="http://www.w3.org/2003/05/soap-envelope">',
        b'<HentEndringerRespons xmlns="http://kontaktinfo.difi.no/xsd/oppslagstjeneste/16-02"/>',
        b"<a/>" * 100_000,
    ],
)
def test_a_body_that_anybody_could_encrypt_is_not_believed(content: bytes) -> None:
    same_error(encrypted_anew(content))


def test_the_very_plaintext_encrypted_anew_is_the_same_answer() -> None:
    # So what refuses the others is the digest, and not how they are made here.
    opened = soap_parties.open_answer(soap_parties.answer(recipient=None))
    signed = Envelope.parse(soap_parties.answer(recipient=None))
    security = find(signed.root, "//wsse:Security")
    encrypt_body(signed, security, Recipient(soap_parties.party("client").certificate))
    assert soap_parties.open_answer(etree.tostring(signed.root)).document == opened.document


@pytest.mark.parametrize("wrapped", ["another key", "a short key", "PKCS #1 v1.5"])
def test_a_wrapped_key_that_will_not_do_gives_the_same_error(wrapped: str) -> None:
    root = etree.fromstring(soap_parties.answer())
    public = soap_parties.party("client").key.public_key()
    oaep = OAEP(MGF1(SHA1()), SHA1(), label=None)  # noqa: S303 - what rsa-oaep-mgf1p is
    made = {
        "another key": public.encrypt(bytes(32), oaep),
        "a short key": public.encrypt(bytes(16), oaep),
        "PKCS #1 v1.5": public.encrypt(bytes(32), PKCS1v15()),
    }
    find(root, "//xenc:EncryptedKey/xenc:CipherData/xenc:CipherValue").text = base64.b64encode(made[wrapped]).decode()
    same_error(etree.tostring(root))


@pytest.mark.parametrize(
    ("path", "algorithm"),
    [
        ("//xenc:EncryptedKey/xenc:EncryptionMethod", f"{PREFIXES['xenc']}rsa-1_5"),
        ("//xenc:EncryptedKey/xenc:EncryptionMethod", "http://www.w3.org/2009/xmlenc11#rsa-oaep"),
        ("//xenc:EncryptedData/xenc:EncryptionMethod", f"{PREFIXES['xenc']}aes128-cbc"),
        ("//xenc:EncryptedData/xenc:EncryptionMethod", f"{PREFIXES['xenc']}tripledes-cbc"),
    ],
)
def test_other_methods_are_refused(path: str, algorithm: str) -> None:
    root = etree.fromstring(soap_parties.answer())
    find(root, path).set("Algorithm", algorithm)
    with pytest.raises(InputError, match="by another method than the service's"):
        soap_parties.open_answer(etree.tostring(root))


@pytest.mark.parametrize(
    ("digest", "is_taken"), [(f"{PREFIXES['ds']}sha1", True), (f"{PREFIXES['xenc']}sha256", False)]
)
def test_the_digest_of_oaep_may_be_named_and_is_sha_1(digest: str, *, is_taken: bool) -> None:
    root = etree.fromstring(soap_parties.answer())
    method = find(root, "//xenc:EncryptedKey/xenc:EncryptionMethod")
    etree.SubElement(method, f"{{{PREFIXES['ds']}}}DigestMethod", Algorithm=digest)
    if is_taken:
        assert soap_parties.open_answer(etree.tostring(root)).was_encrypted
    else:
        with pytest.raises(InputError, match="by another method than the service's"):
            soap_parties.open_answer(etree.tostring(root))


def test_the_private_key_is_not_even_asked_for_before_a_trusted_signature_is_right() -> None:
    def ask() -> RSAPrivateKey:
        raise AssertionError("asked for")

    for data, trusted in ((soap_parties.answer(), "somebody"), (soap_parties.answer(signer="somebody"), "register")):
        with pytest.raises(InputError, match="signed by another than who is trusted"):
            open_answer(data, soap_parties.trust(trusted), ask, at=soap_parties.NOW)
    root = etree.fromstring(soap_parties.answer())
    find(root, "//ds:Reference[1]/ds:DigestValue").text = base64.b64encode(bytes(32)).decode()
    with pytest.raises(InputError, match="the signature is wrong"):
        open_answer(etree.tostring(root), soap_parties.trust("register"), ask, at=soap_parties.NOW)


def test_encrypted_data_elsewhere_than_in_the_body_is_refused() -> None:
    root = etree.fromstring(soap_parties.answer(hent_endringer_respons(1, 2, 3, [])))
    find(root, "s:Header").append(find(root, "s:Body/xenc:EncryptedData"))
    with pytest.raises(InputError):
        soap_parties.open_answer(etree.tostring(root))
