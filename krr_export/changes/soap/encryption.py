"""The encryption of an answer's body: RSA-OAEP with SHA-1 and AES-256, in CBC as the service had it, or GCM.

CBC has no check of its own: an attacker who learns why a decryption failed could decrypt by asking often enough. So all
that fails here, and the digest of what was decrypted, is one and the same error.
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from lxml import etree

from krr_export.changes.soap import names
from krr_export.changes.soap.documents import bytes_of, canonical, check_children, malformed, only_child, parse
from krr_export.changes.soap.envelope import Envelope
from krr_export.changes.soap.signing import new_id
from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_OAEP = OAEP(MGF1(SHA1()), SHA1(), label=None)  # noqa: S303 - rsa-oaep-mgf1p is that by definition, and OAEP needs no collision resistance
_KEY_BYTES, _BLOCK, _NONCE, _TAG = 32, 16, 12, 16
_DS, _XENC, _WSSE = f"{{{names.DS}}}", f"{{{names.XENC}}}", f"{{{names.WSSE}}}"
_PLACE = b"<?decrypted here?>"


def undecipherable() -> InputError:
    """Return the one error for all that can be wrong with an encrypted body."""
    return InputError(
        "the body cannot be decrypted, or is not what was signed",
        "check --private-key: it belongs to the certificate that the request was signed with; else ask for it again",
    )


@dataclass(frozen=True)
class Recipient:
    """Who can decrypt an answer.

    Attributes:
        certificate: of an RSA key.
        cipher: AES-256 in CBC, as the register had it, or in GCM.
    """

    certificate: x509.Certificate
    cipher: names.Cipher = "aes256-cbc"


def encrypt_body(envelope: Envelope, security: etree._Element, recipient: Recipient) -> None:
    """Encrypt what is in the body, in place; the key for it is added to the header Security.

    Args:
        envelope: signed already, with one element in its body.
        security: its header Security.
        recipient: who can decrypt it.
    """
    key, identity = secrets.token_bytes(_KEY_BYTES), new_id()
    plaintext = b"".join(canonical(child) for child in envelope.body)
    encrypted = etree.Element(names.ENCRYPTED_DATA, nsmap={"xenc": names.XENC}, Id=identity, Type=names.CONTENT)
    method = next(name for name, known in names.CIPHERS.items() if known == recipient.cipher)
    etree.SubElement(encrypted, f"{_XENC}EncryptionMethod", Algorithm=method)
    key_identity = _add_encrypted_key(security, recipient.certificate, key, identity)
    holder = etree.SubElement(
        etree.SubElement(encrypted, f"{_DS}KeyInfo", nsmap={"ds": names.DS}), f"{_WSSE}SecurityTokenReference"
    )
    etree.SubElement(holder, f"{_WSSE}Reference", URI=f"#{key_identity}")
    _add_value(encrypted, _encrypt(plaintext, key, recipient.cipher))
    for child in list(envelope.body):
        envelope.body.remove(child)
    envelope.body.append(encrypted)


def is_encrypted(envelope: Envelope) -> bool:
    """Return whether anything in the message says that it is encrypted."""
    return next(envelope.root.iter(names.ENCRYPTED_DATA, names.ENCRYPTED_KEY), None) is not None


def decrypt_body(envelope: Envelope, encrypted_key: etree._Element | None, private_key: RSAPrivateKey) -> Envelope:
    """Return the message with its body decrypted, as a new document. Nothing in it is to be believed yet.

    Raises:
        InputError: the message is not encrypted as in this service; or, always the same, it cannot be decrypted.
    """
    if encrypted_key is None:
        raise malformed("it is encrypted, and has no EncryptedKey")
    wrapped, value, cipher = _read(envelope, encrypted_key)
    try:
        content = _decrypt(value, private_key.decrypt(wrapped, _OAEP), cipher)
        return _splice(envelope, content)
    except (ValueError, InvalidTag, InputError):
        raise undecipherable() from None


def _read(envelope: Envelope, encrypted_key: etree._Element) -> tuple[bytes, bytes, names.Cipher]:
    """Return the wrapped key, the encrypted content, and the cipher, of a message that is encrypted as it must be."""
    if len(list(envelope.root.iter(names.ENCRYPTED_DATA))) != 1:
        raise malformed("not exactly the content of its body is encrypted")
    (data,) = check_children(envelope.body, names.ENCRYPTED_DATA)
    if data.get("Type") != names.CONTENT:
        raise malformed("not exactly the content of its body is encrypted")
    references = only_child(encrypted_key, f"{_XENC}ReferenceList")
    (reference,) = check_children(references, f"{_XENC}DataReference")
    if not data.get("Id") or reference.get("URI") != f"#{data.get('Id')}":
        raise malformed("its EncryptedKey is not for its body")
    cipher = names.CIPHERS.get(only_child(data, f"{_XENC}EncryptionMethod").get("Algorithm", ""))
    if cipher is None:
        raise malformed("its body is encrypted by another method than the service's")
    _check_key_method(only_child(encrypted_key, f"{_XENC}EncryptionMethod"))
    return _value(encrypted_key), _value(data), cipher


def _check_key_method(method: etree._Element) -> None:
    """Check that the key is wrapped by rsa-oaep-mgf1p with SHA-1, said or not, and nothing else."""
    digests = list(method)
    is_sha1 = [(one.tag, one.get("Algorithm")) for one in digests] == [(f"{_DS}DigestMethod", names.SHA1)]
    if method.get("Algorithm") != names.RSA_OAEP or (digests and not is_sha1):
        raise malformed("its key is encrypted by another method than the service's")


def _value(encrypted: etree._Element) -> bytes:
    data = only_child(encrypted, f"{_XENC}CipherData")
    return bytes_of(check_children(data, f"{_XENC}CipherValue")[0])


def _encrypt(plaintext: bytes, key: bytes, cipher: names.Cipher) -> bytes:
    if cipher == "aes256-gcm":
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(key).encrypt(nonce, plaintext, None)
    start, pad = os.urandom(_BLOCK), _BLOCK - len(plaintext) % _BLOCK
    encryptor = BlockCipher(algorithms.AES256(key), modes.CBC(start)).encryptor()
    padded = plaintext + os.urandom(pad - 1) + bytes([pad])  # ISO 10126, as XML Encryption has it
    return start + encryptor.update(padded) + encryptor.finalize()


def _decrypt(value: bytes, key: bytes, cipher: names.Cipher) -> bytes:
    """Decrypt a body; any fault is a ``ValueError``, or the library's own of a wrong tag."""
    if len(key) != _KEY_BYTES:
        raise ValueError("not a key for AES-256")
    if cipher == "aes256-gcm":
        return AESGCM(key).decrypt(value[:_NONCE], value[_NONCE:], None)
    if len(value) < 2 * _BLOCK or len(value) % _BLOCK:
        raise ValueError("not whole blocks")
    decryptor = BlockCipher(algorithms.AES256(key), modes.CBC(value[:_BLOCK])).decryptor()
    padded = decryptor.update(value[_BLOCK:]) + decryptor.finalize()
    if not 1 <= padded[-1] <= _BLOCK:
        raise ValueError("no padding")
    return padded[: -padded[-1]]


def _splice(envelope: Envelope, content: bytes) -> Envelope:
    """Put decrypted content into the place of the encrypted, as text, so that every prefix stays as it was."""
    _check_is_content(envelope.body, content)
    (encrypted,) = envelope.body
    tail = encrypted.tail
    place = etree.ProcessingInstruction("decrypted", "here")
    place.tail = tail
    envelope.body.replace(encrypted, place)
    try:
        # Processing instructions were refused and comments left out, so this is in the text only once.
        before, after = etree.tostring(envelope.root).split(_PLACE)
    finally:
        envelope.body.replace(place, encrypted)
    return Envelope.parse(before + content + after)


def _check_is_content(body: etree._Element, content: bytes) -> None:
    """Check that content is balanced by itself: else it could close the body, and go on outside of it."""
    declared = " ".join(_declarations(body))
    parse(b"<content %s>" % declared.encode() + content + b"</content>")


def _declarations(element: etree._Element) -> Iterator[str]:
    for prefix, namespace in element.nsmap.items():
        yield f"{f'xmlns:{prefix}' if prefix else 'xmlns'}={quoteattr(namespace)}"


def _add_encrypted_key(security: etree._Element, recipient: x509.Certificate, key: bytes, identity: str) -> str:
    """Add the key, encrypted for the recipient, whom its certificate's issuer and serial number name; return its Id."""
    public_key: RSAPublicKey = recipient.public_key()  # type: ignore[assignment]  # the caller's promise
    encrypted = etree.Element(names.ENCRYPTED_KEY, nsmap={"xenc": names.XENC, "ds": names.DS}, Id=new_id())
    etree.SubElement(encrypted, f"{_XENC}EncryptionMethod", Algorithm=names.RSA_OAEP)
    holder = etree.SubElement(etree.SubElement(encrypted, f"{_DS}KeyInfo"), f"{_WSSE}SecurityTokenReference")
    serial = etree.SubElement(etree.SubElement(holder, f"{_DS}X509Data"), f"{_DS}X509IssuerSerial")
    etree.SubElement(serial, f"{_DS}X509IssuerName").text = recipient.issuer.rfc4514_string()
    etree.SubElement(serial, f"{_DS}X509SerialNumber").text = str(recipient.serial_number)
    _add_value(encrypted, public_key.encrypt(key, _OAEP))
    references = etree.SubElement(encrypted, f"{_XENC}ReferenceList")
    etree.SubElement(references, f"{_XENC}DataReference", URI=f"#{identity}")
    security.insert(0, encrypted)
    return encrypted.attrib["Id"]


def _add_value(encrypted: etree._Element, value: bytes) -> None:
    data = etree.SubElement(encrypted, f"{_XENC}CipherData")
    etree.SubElement(data, f"{_XENC}CipherValue").text = base64.b64encode(value).decode()
