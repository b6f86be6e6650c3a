"""Deliveries made by the `openssl` command line alone, as the register's publisher makes them, and keys for them."""

from __future__ import annotations

import atexit
import functools
import gzip
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import discretion
import pytest

from krr_export.input.delivery.finding import DeliveryPath

ORGNR = "991825827"
STAMP = "20140226T120409"
PASSPHRASE = b"correct horse 9 battery"
discretion.plant(PASSPHRASE)
BITS = 2048
BUFFER = 16384
NO_COUNTER = "0" * 32

PSS = (
    "-sha512", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:64", "-sigopt", "rsa_mgf1_md:sha512",
)  # fmt: skip
OAEP = (
    "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha512", "-pkeyopt", "rsa_mgf1_md:sha512",
)  # fmt: skip


@dataclass(frozen=True)
class Keys:
    """A receiver's and a publisher's key pairs, as PEM: the private keys are not encrypted."""

    private_key: Path
    publisher_cert: Path
    signing_key: Path
    receiver_cert: Path


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    """What openssl writes to standard output; it must succeed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def make_key(path: Path, bits: int = BITS) -> Path:
    """A new RSA key as PKCS#8."""
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", path)
    discretion.plant_private_key(path)
    return path


def make_certificate(path: Path, key: Path, days: int = 30) -> Path:
    """A self-signed certificate; a negative number of days makes one that has expired."""
    request = openssl("req", "-new", "-key", key, "-subj", "/CN=krr-export test")
    path.write_bytes(openssl("x509", "-req", "-key", key, "-days", str(days), "-sha256", stdin=request))
    return path


def keys_of(owner: str = "ours") -> Keys:
    """One owner's key pairs, made once in this process: making keys is slow."""
    return _made_keys(owner)


@functools.cache  # around this and not `keys_of`: a default and the same owner by name must be one
def _made_keys(owner: str) -> Keys:
    directory = Path(tempfile.mkdtemp(prefix="krr-export-keys-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    private, signing = (
        make_key(directory / f"receiver-{owner}-key.pem"),
        make_key(directory / f"publisher-{owner}-key.pem"),
    )
    return Keys(
        private_key=private,
        publisher_cert=make_certificate(directory / f"publisher-{owner}.pem", signing),
        signing_key=signing,
        receiver_cert=make_certificate(directory / f"receiver-{owner}.pem", private),
    )


def keys_in(directory: Path, owner: str = "ours") -> Keys:
    """The same keys, as files in a directory; those of `make_set` are "ours"."""
    keys = keys_of(owner)
    directory.mkdir(exist_ok=True)
    return Keys(*(Path(shutil.copy2(getattr(keys, field.name), directory)) for field in fields(Keys)))


def make_set(  # noqa: PLR0913 - by keyword, each with a default
    directory: Path,
    xml: bytes,
    *,
    stamp: str = STAMP,
    orgnr: str = ORGNR,
    form: str = "exact",
    owner: str = "ours",
) -> Path:
    """Make a set of three files from an export; gives the data file."""
    discretion.plant_persons(xml)
    return make_set_of(directory, gzip.compress(xml, mtime=0), stamp=stamp, orgnr=orgnr, form=form, owner=owner)


def make_set_of(  # noqa: PLR0913 - by keyword, each with a default
    directory: Path, packed: bytes, *, stamp: str = STAMP, orgnr: str = ORGNR, form: str = "exact", owner: str = "ours"
) -> Path:
    """Make a set of three files whose ciphertext is as long as these bytes, which should be gzip."""
    keys, key = keys_of(owner), secrets.token_bytes(32)
    discretion.plant(key)
    directory.mkdir(parents=True, exist_ok=True)
    ciphertext = openssl("enc", "-aes-256-ctr", "-K", key.hex(), "-iv", NO_COUNTER, stdin=packed)
    base = f"Kontaktregister-{stamp}"
    (directory / f"{base}.key.{orgnr}").write_bytes(wrap(key, keys.receiver_cert))
    (directory / f"{base}.sig").write_bytes(sign(ciphertext, keys.signing_key, form))
    data = directory / f"{base}.gz.enc"
    data.write_bytes(ciphertext)
    return data


def keystore(directory: Path, *keys: Path) -> Path:
    """A PKCS#12 file with all of these private keys, as keytool makes them; openssl reads such, and makes none."""
    protected = ("-nocerts", "-nomac", "-passout", f"pass:{PASSPHRASE.decode()}")
    stores = [openssl("pkcs12", "-export", "-inkey", key, *protected) for key in keys]
    # PFX ::= SEQUENCE { version, SEQUENCE { data, [0] OCTET STRING { SEQUENCE of contents } } } (RFC 7292)
    data, contents = bytes.fromhex("06092a864886f70d010701"), b""
    for store in stores:
        _, _, authenticated = store.partition(data)
        contents += _inside(_inside(_inside(authenticated)))
    safe = _der(0x30, data + _der(0xA0, _der(0x04, _der(0x30, contents))))
    path = directory / "keystore.p12"
    path.write_bytes(_der(0x30, bytes.fromhex("020103") + safe))
    return path


def _der(tag: int, value: bytes) -> bytes:
    return bytes([tag, 0x82]) + len(value).to_bytes(2, "big") + value


def _inside(der: bytes) -> bytes:
    """The value of the first element."""
    short = der[1] < 0x80  # X.690, 8.1.3: else so many octets hold the length
    start = 2 if short else 2 + der[1] - 0x80
    return der[start : start + (der[1] if short else int.from_bytes(der[2:start], "big"))]


def wrap(key: bytes, receiver_cert: Path) -> bytes:
    """A key encrypted to a certificate."""
    return openssl("pkeyutl", "-encrypt", "-certin", "-inkey", receiver_cert, *OAEP, stdin=key)


def unwrap(wrapped: bytes, private_key: Path) -> bytes:
    """A key as openssl decrypts it."""
    return openssl("pkeyutl", "-decrypt", "-inkey", private_key, *OAEP, stdin=wrapped)


def decrypt(ciphertext: bytes, key: bytes) -> bytes:
    """The plaintext as openssl decrypts it."""
    return openssl("enc", "-d", "-aes-256-ctr", "-K", key.hex(), "-iv", NO_COUNTER, stdin=ciphertext)


def sign(ciphertext: bytes, signing_key: Path, form: str) -> bytes:
    """A raw signature in one of the two forms."""
    signed = ciphertext if form == "exact" else whole_buffers(ciphertext)
    return openssl("dgst", *PSS, "-sign", signing_key, stdin=signed)


def at(path: Path) -> DeliveryPath:
    """The delivery at a path; of a directory, also where there is none."""
    return DeliveryPath.at(path) or DeliveryPath(path)


def is_signed(data: bytes, signature: Path, publisher_cert: Path) -> bool:
    """What openssl says of a signature over exactly these bytes."""
    public = publisher_cert.with_suffix(".public")
    public.write_bytes(openssl("x509", "-in", publisher_cert, "-noout", "-pubkey"))
    done = subprocess.run(
        ["openssl", "dgst", *PSS, "-verify", public, "-signature", signature],
        input=data,
        capture_output=True,
        check=False,
    )
    assert done.stdout.strip() in {b"Verified OK", b"Verification failure"}, done.stderr
    return done.returncode == 0


def whole_buffers(ciphertext: bytes) -> bytes:
    """What the publisher's client signed: its whole buffer after each read, however much that had put into it."""
    buffer, signed = bytearray(BUFFER), bytearray()
    for start in range(0, len(ciphertext), BUFFER):
        piece = ciphertext[start : start + BUFFER]
        buffer[: len(piece)] = piece
        signed += buffer
    return bytes(signed)
