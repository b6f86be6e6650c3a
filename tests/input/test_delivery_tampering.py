"""A delivery that was changed, cut, mixed up or is not for us is refused, says why, and gives nothing secret away."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
import traceback
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deliveries
import discretion
import pytest
from deliveries import ORGNR, PASSPHRASE, STAMP, keys_of, make_set, make_set_of, openssl
from hypothesis import given
from hypothesis import strategies as st

from krr_export.errors import InputError
from krr_export.input.delivery.cipher import encryptor
from krr_export.input.delivery.keys import load_private_key, load_publisher, load_recipient, unwrap_key
from krr_export.input.delivery.opening import DeliveryOptions, Mode, open_delivery
from krr_export.input.delivery.provenance import is_unverified
from krr_export.input.delivery.regular import SMALL_BYTES, read_small, read_small_regular
from krr_export.input.delivery.signing import Form, verify
from krr_export.input.source import Source
from krr_export.synthetic.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

XML = b"<Kontaktregister>secret-plaintext</Kontaktregister>"
discretion.plant(b"secret-plaintext")
DATA, SIGNATURE, KEY = (f"Kontaktregister-{STAMP}.{end}" for end in ("gz.enc", "sig", f"key.{ORGNR}"))
FILES = (DATA, SIGNATURE, KEY)
FORMS: tuple[Form, Form] = ("exact", "legacy-buffer")
MODES: tuple[Mode, ...] = ("auto", *FORMS)

NOT_SIGNED = "the signature is not the publisher's over this file"
NOT_OURS = "the key file is not for this private key"


def given_options(**options: Any) -> DeliveryOptions:  # noqa: ANN401 - the options' own types
    keys = keys_of()
    return replace(DeliveryOptions(keys.private_key, lambda: None, keys.publisher_cert), **options)


def discreet(error: BaseException, *secrets: bytes) -> str:
    """What an error says, after a look at all that a log could hold of it."""
    said = "".join(traceback.format_exception(error))
    message = str(error)
    for secret in (PASSPHRASE, b"secret-plaintext", *secrets):
        for form in (secret.decode("latin-1"), secret.hex(), repr(secret)):
            assert form not in said
    assert tempfile.gettempdir() + os.sep not in message
    assert "\n" not in message
    return message


def refused(path: Path, *said: str, **options: Any) -> str:  # noqa: ANN401 - the options' own types
    """The message with which a delivery is refused."""
    with pytest.raises(InputError) as caught:
        open_delivery(deliveries.at(path), given_options(**options))
    assert caught.value.hint
    message = discreet(caught.value)
    assert [part for part in said if part not in message] == []
    return message


def opens(path: Path, **options: Any) -> bytes:  # noqa: ANN401 - the options' own types
    delivery = open_delivery(deliveries.at(path), given_options(**options))
    with delivery.file:
        return delivery.decrypt(delivery.file.read())


@pytest.fixture(scope="module", params=FORMS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a set that is as it should be; nobody changes it."""
    while True:
        data = make_set(tmp_path_factory.mktemp("whole"), XML, form=request.param)
        if data.read_bytes()[
            -1
        ]:  # a zero there is a case of its own, see below: the stale end of a small file is zeros
            return data.parent


@pytest.fixture
def ours(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "ours"))


def flipped(data: bytes, at: int, mask: int) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def changes(data: bytes) -> Iterator[bytes]:
    """Each byte changed, in a bit that differs from byte to byte, and every cut, and a byte more at each end."""
    for at in range(len(data)):
        yield flipped(data, at, 1 << at % 8)
        yield data[:at]
        if at:
            yield data[at:]
    yield data + b"\0"
    yield b"\0" + data


def is_legacy(data: bytes, signature: bytes) -> bool:
    publisher = load_publisher(keys_of().publisher_cert).public_key
    return verify(io.BytesIO(data), signature, publisher, "auto").form == "legacy-buffer"


def test_any_byte_of_the_data_changed_or_cut_is_refused(whole: Path) -> None:
    data, signature = (whole / DATA).read_bytes(), (whole / SIGNATURE).read_bytes()
    publisher = load_publisher(keys_of().publisher_cert).public_key
    assert verify(io.BytesIO(data), signature, publisher, "auto").size == len(data)
    for changed in changes(data):
        if changed == data + b"\0" and is_legacy(data, signature):
            continue  # the beginning of the stale end: who reads it refuses it, see below
        with pytest.raises(InputError, match=NOT_SIGNED):
            verify(io.BytesIO(changed), signature, publisher, "auto")


def test_any_byte_of_the_signature_changed_or_cut_is_refused(whole: Path) -> None:
    data, signature = (whole / DATA).read_bytes(), (whole / SIGNATURE).read_bytes()
    publisher = load_publisher(keys_of().publisher_cert).public_key
    for changed in changes(signature):
        said = NOT_SIGNED if len(changed) == len(signature) else f"the signature has {len(changed)} bytes"
        with pytest.raises(InputError, match=said):
            verify(io.BytesIO(data), changed, publisher, "auto")


def test_any_byte_of_the_key_changed_or_cut_is_refused(whole: Path) -> None:
    wrapped, private = (whole / KEY).read_bytes(), load_private_key(keys_of().private_key, lambda: None)
    assert len(unwrap_key(private, wrapped)) == 32
    for changed in changes(wrapped):
        said = NOT_OURS if len(changed) == len(wrapped) else f"the key file has {len(changed)} bytes"
        with pytest.raises(InputError, match=said):
            unwrap_key(private, changed)


@pytest.mark.parametrize("size", [16384, 40000])
@pytest.mark.parametrize("form", FORMS)
def test_no_byte_of_several_buffers_may_be_changed(tmp_path: Path, size: int, form: Form) -> None:
    data = make_set_of(tmp_path, b"\x1f\x8b\x08" + bytes(size - 3), form=form)
    ciphertext, signature = data.read_bytes(), (tmp_path / SIGNATURE).read_bytes()
    publisher = load_publisher(keys_of().publisher_cert).public_key
    for at in (*range(0, size, 499), size - 1):
        with pytest.raises(InputError, match=NOT_SIGNED):
            verify(io.BytesIO(flipped(ciphertext, at, 0x10)), signature, publisher, "auto")


@given(
    which=st.sampled_from(FILES),
    where=st.floats(0, 1, exclude_max=True),
    how=st.integers(-1, 255),
    mode=st.sampled_from(MODES),
)
def test_a_set_with_any_change_is_refused_whole(whole: Path, which: str, where: float, how: int, mode: Mode) -> None:
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(shutil.copytree(whole, Path(directory) / "copy"))
        path = copy / which
        data = path.read_bytes()
        at = int(where * len(data))
        path.write_bytes(flipped(data, at, how) if how > 0 else data[:at])
        said = {DATA: NOT_SIGNED, SIGNATURE: NOT_SIGNED, KEY: NOT_OURS}[which]
        with ExitStack() as stack:
            error = stack.enter_context(pytest.raises(InputError))
            stack.callback(open_delivery, deliveries.at(copy), given_options(signature=mode))
        message = discreet(error.value)
        cut = ("bytes, and", "is empty") if how <= 0 else ()
        # The key is the last to be looked at: with the other form's signature it does not come so far.
        form = ("is accepted",) if which == KEY and mode != "auto" else ()
        assert any(words in message for words in (said, *cut, *form))


def test_without_verification_a_change_goes_through_and_the_manifest_says_so(ours: Path) -> None:
    # This is what the signature is for: the flip arrives in the plaintext, bit for bit.
    before = opens(ours)
    path = ours / DATA
    path.write_bytes(flipped(path.read_bytes(), 20, 0x04))
    refused(ours, NOT_SIGNED)
    assert opens(ours, signature="none") == flipped(before, 20, 0x04)
    delivery = open_delivery(deliveries.at(ours), given_options(signature="none"))
    delivery.file.close()
    assert is_unverified(delivery.provenance)


@pytest.mark.parametrize(
    ("swapped", "said"),
    [
        ((DATA,), NOT_SIGNED),
        ((SIGNATURE,), NOT_SIGNED),
        ((KEY,), "what it decrypts to is no gzip: the key file is of another set"),
        ((DATA, SIGNATURE), "what it decrypts to is no gzip: the key file is of another set"),
        ((DATA, KEY), NOT_SIGNED),
        ((SIGNATURE, KEY), NOT_SIGNED),
    ],
)
def test_files_of_two_sets_do_not_mix(ours: Path, tmp_path: Path, swapped: tuple[str, ...], said: str) -> None:
    other = make_set(tmp_path / "other", XML + b" ").parent
    for name in swapped:
        shutil.copy(other / name, ours / name)
    refused(ours, said)
    for name in FILES:
        shutil.copy(other / name, ours / name)
    assert gzip.decompress(opens(ours)) == XML + b" "


@pytest.mark.parametrize("mode", MODES)
def test_another_publishers_signature_is_refused(tmp_path: Path, mode: Mode) -> None:
    data = make_set(tmp_path, XML, owner="others")
    shutil.copy(make_set(tmp_path / "ours", XML).with_name(KEY), tmp_path / KEY)
    refused(data, NOT_SIGNED, signature=mode)
    refused(data, NOT_SIGNED, signature=mode, private_key=keys_of("others").private_key)


def test_a_set_for_another_organisations_key_is_refused(ours: Path) -> None:
    refused(ours, NOT_OURS, "another organisation's key, or damaged", private_key=keys_of("others").private_key)


def test_nothing_is_decrypted_before_the_signature_is_verified(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ours / SIGNATURE).write_bytes(bytes(deliveries.BITS // 8))

    def never(*_: object) -> bytes:
        raise AssertionError("decrypted what is not verified")

    monkeypatch.setattr("krr_export.input.delivery.keys.unwrap_key", never)
    monkeypatch.setattr("krr_export.input.delivery.cipher.decryptor", never)
    refused(ours, NOT_SIGNED)


@pytest.mark.parametrize(
    "wrong",
    [
        ("-sha512", "-sigopt", "rsa_padding_mode:pkcs1"),
        ("-sha256", *deliveries.PSS[1:5], "-sigopt", "rsa_mgf1_md:sha256"),
        ("-sha512", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"),
        ("-sha512", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max"),
        ("-sha512", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:0"),
        (*deliveries.PSS[:5], "-sigopt", "rsa_mgf1_md:sha256"),
    ],
    ids=["pkcs1", "sha256", "salt 32", "longest salt", "no salt", "mgf1 sha256"],
)
def test_a_signature_of_another_kind_is_refused(ours: Path, wrong: tuple[str, ...]) -> None:
    signature = openssl("dgst", *wrong, "-sign", keys_of().signing_key, ours / DATA)
    (ours / SIGNATURE).write_bytes(signature)
    refused(ours, NOT_SIGNED)


@pytest.mark.parametrize(
    "wrong",
    [
        ("-pkeyopt", "rsa_padding_mode:pkcs1"),
        ("-pkeyopt", "rsa_padding_mode:oaep"),
        (*deliveries.OAEP[:4], "-pkeyopt", "rsa_mgf1_md:sha256"),
        (*deliveries.OAEP, "-pkeyopt", "rsa_oaep_label:00"),
    ],
    ids=["pkcs1", "sha1", "mgf1 sha256", "label"],
)
def test_a_key_wrapped_in_another_way_is_refused(ours: Path, wrong: tuple[str, ...]) -> None:
    receiver = keys_of().receiver_cert
    (ours / KEY).write_bytes(openssl("pkeyutl", "-encrypt", "-certin", "-inkey", receiver, *wrong, stdin=bytes(32)))
    refused(ours, NOT_OURS)


@pytest.mark.parametrize("size", [1, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused(ours: Path, size: int) -> None:
    key = os.urandom(size)
    (ours / KEY).write_bytes(deliveries.wrap(key, keys_of().receiver_cert))
    refused(ours, f"the key file holds a key of {size} bytes, and AES-256 takes 32")


# The two forms of the signature, passed off as one another.


def read_as_source(data: Path) -> bytes:
    with io.BytesIO(opens(data)) as plain:
        return b"".join(Source(plain, "test"))


@pytest.mark.parametrize("size", [300, 40000])
@pytest.mark.parametrize("appended", [1, 2, 18, 5000, None])
def test_a_file_with_the_stale_end_appended_is_refused_by_whoever_reads_it(
    tmp_path: Path, size: int, appended: int | None
) -> None:
    data = make_set_of(tmp_path, gzip.compress(os.urandom(size)), form="legacy-buffer")
    whole = data.read_bytes()
    assert len(read_as_source(data)) == size
    data.write_bytes(deliveries.whole_buffers(whole)[: appended and len(whole) + appended])
    # The signature holds: what was signed is what it now is, with what is left of the stale end.
    assert opens(data, signature="auto" if appended else "exact")
    if not opens(data, signature="auto" if appended else "exact")[len(whole) :].strip(b"\0"):
        return  # one in 256 times that is what a byte decrypts to: padding, which changes nothing
    with pytest.raises(InputError, match="gzip"):
        read_as_source(data)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_where_its_end_repeats_a_block_is_refused_by_whoever_reads_it(tmp_path: Path, form: Form) -> None:
    size = 32768 if form == "exact" else 30000
    while True:  # one in 256 deliveries ends in the right byte: make them until one does
        plain, key = gzip.compress(os.urandom(size - 23), 0), os.urandom(32)
        ciphertext = encryptor(key)(plain)
        if len(ciphertext) == size and ciphertext[-1] == ciphertext[-1 - 16384]:
            break
    keys = keys_of()
    (tmp_path / SIGNATURE).write_bytes(deliveries.sign(ciphertext, keys.signing_key, form))
    (tmp_path / KEY).write_bytes(deliveries.wrap(key, keys.receiver_cert))
    (tmp_path / DATA).write_bytes(ciphertext)
    assert len(read_as_source(tmp_path / DATA)) == size - 23
    (tmp_path / DATA).write_bytes(ciphertext[:-1])
    assert opens(tmp_path / DATA, signature="legacy-buffer")  # the signature holds
    with pytest.raises(InputError, match="truncated gzip"):
        read_as_source(tmp_path / DATA)


# Keys that will not do.


def wrong_private_keys(directory: Path) -> dict[str, tuple[bytes, str]]:
    """Files that are no private key of ours, and what is said of each."""
    keys, secret = keys_of(), ("-passout", f"pass:{PASSPHRASE.decode()}")
    ec = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    weak = deliveries.make_key(directory / "weak", bits=1024)
    pem, der = keys.private_key.read_bytes(), openssl("pkey", "-in", keys.private_key, "-outform", "DER")
    unkeyed = openssl("pkcs12", "-export", "-nokeys", "-in", keys.receiver_cert, *secret)
    two = deliveries.keystore(directory, keys.private_key, keys.signing_key)
    listed = openssl("pkcs12", "-in", two, "-nocerts", "-nodes", "-passin", f"pass:{PASSPHRASE.decode()}")
    assert listed.count(b"-----BEGIN PRIVATE KEY-----") == 2
    said = "holds 2 private keys, and nothing says which of them is meant"
    keytool = "take out the one that the deliveries are made for: keytool -importkeystore -srckeystore two.p12"
    return {
        "two.p12": (two.read_bytes(), f"two.p12 {said}; {keytool} -srcalias ALIAS"),
        "two.pem": (pem + keys.signing_key.read_bytes(), f"two.pem {said}; keep the one"),
        "words.pem": (b"this is no key\n", "words.pem is no private key, or is damaged"),
        "noise.der": (b"\x30\x82" + bytes(500), "noise.der is no private key, or is damaged"),
        "empty.pem": (b"", "empty.pem is empty"),
        "large.pem": (bytes(70_000), "large.pem is too large"),
        "cert.pem": (keys.receiver_cert.read_bytes(), "cert.pem holds no private key"),
        "cut.pem": (pem[:800], "cut.pem holds no private key"),
        "damaged.pem": (pem.replace(pem[300:360], b"A" * 60), "damaged.pem is no private key, or is damaged"),
        "cut.der": (der[:800], "cut.der is no private key, or is damaged"),
        "old.jks": (b"\xfe\xed\xfe\xed\0\0\0\2", "old.jks is a Java keystore of an old form; keytool -importkeystore"),
        "ec.pem": (ec, "the private key in ec.pem is not an RSA key"),
        "weak.pem": (weak.read_bytes(), "the private key in weak.pem has 1024 bits: at least 2048 are needed"),
        "unkeyed.p12": (unkeyed, "unkeyed.p12 is a PKCS#12 file without a private key"),
    }


def test_a_file_that_is_no_usable_private_key_says_what_it_is(ours: Path, tmp_path: Path) -> None:
    source = tmp_path / "export.xml"
    source.write_bytes(XML)
    for name, (data, said) in wrong_private_keys(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(data)
        assert refused(ours, private_key=path, passphrase=lambda: PASSPHRASE).startswith(said)
        with pytest.raises(InputError) as caught:
            seal(
                source, tmp_path / "out", recipient=keys_of().receiver_cert, orgnr=ORGNR, signing_key=path,
                passphrase=lambda: PASSPHRASE,
            )  # fmt: skip
        assert discreet(caught.value).startswith(said)
    refused(ours, "none.pem cannot be read: No such file", private_key=tmp_path / "none.pem")
    refused(ours, "ours cannot be read: Is a directory", private_key=ours)


@pytest.mark.parametrize("passphrase", [b"a guess", b"", None, b"x" * 5000, PASSPHRASE + b"\n", b"\xff\xfe"])
def test_a_wrong_passphrase_is_refused_and_never_repeated(ours: Path, tmp_path: Path, passphrase: bytes | None) -> None:
    secret = ("-passout", f"pass:{PASSPHRASE.decode()}")
    key = keys_of().private_key
    commands: dict[str, tuple[str | Path, ...]] = {
        "pkcs8.pem": ("pkcs8", "-topk8", "-in", key, *secret),
        "pkcs8.der": ("pkcs8", "-topk8", "-in", key, "-outform", "DER", *secret),
        "pkcs1.pem": ("rsa", "-in", key, "-traditional", "-aes256", *secret),
        "pkcs12.p12": ("pkcs12", "-export", "-inkey", key, "-nocerts", *secret),
    }
    for name, command in commands.items():
        path = tmp_path / name
        path.write_bytes(openssl(*command))
        said = "the passphrase is wrong, or the file is damaged" if passphrase else "there is no passphrase for it"
        message = refused(ours, name, said, private_key=path, passphrase=lambda: passphrase)
        assert not passphrase or passphrase.decode("latin-1") not in message
        assert opens(ours, private_key=path, passphrase=lambda: PASSPHRASE)
        refused(ours, "holds a zero byte", private_key=path, passphrase=lambda: PASSPHRASE + b"\0")


def wrong_certificates(directory: Path) -> dict[str, tuple[bytes, str]]:
    """Files that are no certificate or public key to accept, and what is said of each."""
    keys = keys_of()
    weak = deliveries.make_key(directory / "weak", bits=1024)
    ec = directory / "ec"
    ec.write_bytes(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    pem = keys.publisher_cert.read_bytes()
    return {
        "words.pem": (b"this is no certificate", "words.pem is no certificate and no public key, or is damaged"),
        "empty.pem": (b"", "empty.pem is empty"),
        "large.pem": (pem + bytes(70_000), "large.pem is too large"),
        "cut.pem": (pem[:600], "cut.pem is no certificate and no public key, or is damaged"),
        "damaged.pem": (pem.replace(pem[300:360], b"A" * 60), "damaged.pem is no certificate and no public key"),
        "several.pem": (pem * 2, "several.pem holds several certificates or keys"),
        "private.pem": (keys.signing_key.read_bytes(), "private.pem is a private key"),
        "ec.pem": (deliveries.make_certificate(directory / "c", ec).read_bytes(), "the key in ec.pem is not an RSA"),
        "ec-key.pem": (openssl("pkey", "-in", ec, "-pubout"), "the key in ec-key.pem is not an RSA key"),
        "weak.pem": (deliveries.make_certificate(directory / "c", weak).read_bytes(),
                     "the key in weak.pem has 1024 bits: at least 2048 are needed"),
        "weak-key.pem": (openssl("pkey", "-in", weak, "-pubout"), "the key in weak-key.pem has 1024 bits"),
        "expired.pem": (deliveries.make_certificate(directory / "c", keys.signing_key, days=-1).read_bytes(),
                        "the certificate expired.pem has expired: it is valid from "),
    }  # fmt: skip


def test_a_file_that_is_no_usable_certificate_says_what_it_is(ours: Path, tmp_path: Path) -> None:
    for name, (data, said) in wrong_certificates(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(data)
        assert refused(ours, publisher_cert=path).startswith(said)
        with pytest.raises(InputError) as caught:
            load_recipient(path)
        assert discreet(caught.value).startswith(said)
        assert opens(ours, publisher_cert=path, signature="none")  # it is not even looked at
    refused(ours, "none.pem cannot be read: No such file", publisher_cert=tmp_path / "none.pem")


# Files that are no files.


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_regular_file_is_refused_at_once(ours: Path, name: str) -> None:
    path = ours / name
    makers: list[Callable[[], object]] = [
        lambda: os.mkfifo(path),
        lambda: path.symlink_to("/dev/zero"),
        path.mkdir,
    ]
    for make in makers:
        path.unlink()
        make()
        refused(ours, f"{name} is not a regular file", "read twice")
        if path.is_dir():
            path.rmdir()
            path.touch()


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file_and_a_link_to_nothing_are_refused(ours: Path, name: str) -> None:
    path = ours / name
    path.write_bytes(b"")
    refused(ours, "the encrypted file is empty" if name == DATA else f"{name} is empty")
    path.unlink()
    path.symlink_to("nothing")
    refused(ours, f"{name} cannot be read: No such file")
    path.unlink()
    path.symlink_to(name)
    refused(ours, f"{name} cannot be read: Too many levels of symbolic links")


@pytest.mark.parametrize("read", [read_small, read_small_regular])
def test_a_small_file_may_be_of_exactly_the_limit_s_size(tmp_path: Path, read: Callable[[Path], bytes]) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(SMALL_BYTES))
    assert read(path) == bytes(SMALL_BYTES)
    path.write_bytes(bytes(SMALL_BYTES + 1))
    with pytest.raises(InputError, match="key is too large"):
        read(path)


@pytest.mark.parametrize("name", [SIGNATURE, KEY])
def test_a_small_file_that_is_large_is_not_read_into_memory(ours: Path, name: str) -> None:
    with (ours / name).open("wb") as file:
        file.truncate(1 << 40)
    refused(ours, f"{name} is too large: it has more than 65536 bytes")


def test_links_that_lead_in_a_circle_are_refused(tmp_path: Path) -> None:
    for end in ("gz.enc", "sig", f"key.{ORGNR}"):
        link = tmp_path / f"Kontaktregister-LATEST.{end}"
        link.symlink_to(link.name)
    refused(tmp_path, "cannot be read: Too many levels of symbolic links")
