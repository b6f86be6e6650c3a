"""A delivery that openssl made is opened, and one that we made is opened by openssl; whatever the sizes and names."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import threading
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import deliveries
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from deliveries import ORGNR, PASSPHRASE, at, keys_in, keys_of, make_set, make_set_of, openssl

from krr_export.errors import InputError, OutputError, UsageError
from krr_export.input.delivery.cipher import decryptor, encryptor
from krr_export.input.delivery.finding import DeliveryPath
from krr_export.input.delivery.keys import load_private_key, load_publisher, load_recipient, unwrap_key, wrap_key
from krr_export.input.delivery.opening import DeliveryOptions, OpenedDelivery, open_delivery
from krr_export.input.delivery.provenance import is_unverified
from krr_export.input.delivery.signing import Form, sign, verify
from krr_export.synthetic.sealing import make_keys, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

pytestmark = pytest.mark.slow

XML = b"<Kontaktregister>" + b"<Person/>" * 4000 + b"</Kontaktregister>"
PIECE = 1 << 18  # what signing reads at once
SIZES = [3, 300, 16383, 16384, 16385, 32768, 50000, PIECE - 1, PIECE, PIECE + 1, PIECE + 16384, PIECE + 40000]
FORMS: tuple[Form, Form] = ("exact", "legacy-buffer")
OTHER = "123456785"


def packed(size: int) -> bytes:
    """So many bytes that begin like gzip: to open a delivery asks for no more."""
    return (b"\x1f\x8b\x08" + os.urandom(size))[:size]


def no_passphrase() -> bytes | None:
    raise AssertionError("nobody is to be asked")


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[OpenedDelivery]:  # noqa: ANN401 - the options' own types
    keys = keys_of()
    ours = DeliveryOptions(keys.private_key, no_passphrase, keys.publisher_cert)
    delivery = open_delivery(at(path), replace(ours, **options))
    with delivery.file:
        yield delivery


def read(delivery: OpenedDelivery) -> bytes:
    return b"".join(delivery.decrypt(piece) for piece in iter(lambda: delivery.file.read(1000), b""))


def stamp_of(delivery: OpenedDelivery) -> str:
    return delivery.name.removeprefix("Kontaktregister-").removesuffix(".gz.enc")


# What openssl makes is opened.


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_a_set_made_by_openssl_is_opened(tmp_path: Path, size: int, form: Form) -> None:
    plain = packed(size)
    data = make_set_of(tmp_path, plain, form=form)
    read_while_verifying: list[int] = []
    keys = keys_of()
    options = DeliveryOptions(keys.private_key, no_passphrase, keys.publisher_cert)
    delivery = open_delivery(at(data), options, read_while_verifying.append)
    with delivery.file:
        assert delivery.file.tell() == 0
        assert read(delivery) == plain
    assert (delivery.name, delivery.size) == (data.name, size)
    assert delivery.sha256 == hashlib.sha256(data.read_bytes()).hexdigest()
    assert sum(read_while_verifying) == size
    assert delivery.provenance.orgnr == ORGNR
    assert delivery.provenance.signature == ("exact" if size % 16384 == 0 else form)
    assert not is_unverified(delivery.provenance)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_only_the_form_that_is_asked_for_is_accepted(tmp_path: Path, size: int, form: Form) -> None:
    data = make_set_of(tmp_path, packed(size), form=form)
    with opened(data, signature=form) as delivery:
        assert delivery.provenance.signature == form
    other = FORMS[1 - FORMS.index(form)]
    if size % 16384 == 0:  # the two forms are one
        with opened(data, signature=other) as delivery:
            assert delivery.provenance.signature == other
    else:
        with (
            pytest.raises(InputError, match=f"of the form {form}, and only {other} is accepted; --signature auto"),
            opened(data, signature=other),
        ):
            pass


def test_an_export_comes_out_as_it_went_in(tmp_path: Path) -> None:
    with opened(make_set(tmp_path, XML)) as delivery:
        assert gzip.decompress(read(delivery)) == XML


def test_the_manifest_learns_who_signed(tmp_path: Path) -> None:
    data, certificate = make_set(tmp_path, XML), keys_of().publisher_cert
    with opened(data) as delivery:
        provenance = delivery.provenance
    public = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    dates = openssl("x509", "-in", certificate, "-noout", "-dates", "-dateopt", "iso_8601").decode().split()
    assert provenance.to_dict() == {
        "orgnr": ORGNR,
        "signature": "exact",
        "publisher_sha256": hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", stdin=public)).hexdigest(),
        "publisher_valid_from": f"{dates[0].removeprefix('notBefore=')}T{dates[1]}",
        "publisher_valid_until": f"{dates[2].removeprefix('notAfter=')}T{dates[3]}",
        "passed_over": [],
    }


def test_of_a_bare_public_key_no_validity_is_known(tmp_path: Path) -> None:
    data, certificate, bare = make_set(tmp_path, XML), keys_of().publisher_cert, tmp_path / "bare.pem"
    bare.write_bytes(openssl("x509", "-in", certificate, "-noout", "-pubkey"))
    with opened(data) as by_certificate, opened(data, publisher_cert=bare) as by_key:
        assert by_key.provenance.publisher_valid_from is by_key.provenance.publisher_valid_until is None
        assert by_key.provenance.publisher_sha256 == by_certificate.provenance.publisher_sha256


def test_a_set_may_be_opened_without_verifying_and_says_so(tmp_path: Path) -> None:
    data = make_set(tmp_path, XML)
    data.with_name(data.name.replace(".gz.enc", ".sig")).unlink()
    for path in (data, tmp_path):
        with opened(path, signature="none", publisher_cert=None) as delivery:
            assert gzip.decompress(read(delivery)) == XML
            assert delivery.sha256 == hashlib.sha256(data.read_bytes()).hexdigest()
            assert delivery.provenance.signature == "not verified"
            assert delivery.provenance.publisher_sha256 is None
            assert is_unverified(delivery.provenance)
    assert not is_unverified(None)


def test_what_is_read_is_the_file_that_was_verified(tmp_path: Path) -> None:
    keys = keys_of()
    data = make_set(tmp_path, XML)
    verified = data.read_bytes()

    def swap(_: int) -> None:
        other = tmp_path / "other"
        other.write_bytes(bytes(len(verified)))
        other.replace(data)

    delivery = open_delivery(at(data), DeliveryOptions(keys.private_key, no_passphrase, keys.publisher_cert), swap)
    with delivery.file:
        assert delivery.file.read() == verified != data.read_bytes()


# What we make is opened by openssl.


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_a_set_made_here_is_opened_by_openssl(tmp_path: Path, size: int, form: Form) -> None:
    keys, source, plain = keys_in(tmp_path), tmp_path / "export", packed(size)
    source.write_bytes(plain)
    made = seal(
        source, tmp_path / "out", recipient=keys.receiver_cert, orgnr=ORGNR, signing_key=keys.signing_key,
        passphrase=no_passphrase, form=form,
    )  # fmt: skip
    ciphertext = made.data.read_bytes()
    signed = ciphertext if form == "exact" else deliveries.whole_buffers(ciphertext)
    assert deliveries.is_signed(signed, made.signature, keys.publisher_cert)
    assert not deliveries.is_signed(signed + b"x", made.signature, keys.publisher_cert)
    key = deliveries.unwrap(made.key.read_bytes(), keys.private_key)
    assert len(key) == 32
    assert deliveries.decrypt(ciphertext, key) == plain
    with opened(made.data) as delivery:
        assert read(delivery) == plain


def sealed(tmp_path: Path, data: bytes = XML, **options: Any) -> Path:  # noqa: ANN401 - the options' own types
    """A set sealed with our keys; gives its data file."""
    source, keys = tmp_path / "export.xml", keys_of()
    source.write_bytes(data)
    given = {
        "recipient": keys.receiver_cert, "orgnr": ORGNR, "signing_key": keys.signing_key, "passphrase": no_passphrase,
        **options,
    }  # fmt: skip
    return seal(source, tmp_path / "out", **given).data


def test_xml_is_packed_on_the_way_and_the_same_each_time(tmp_path: Path) -> None:
    plain = []
    for stamp in (datetime(2014, 2, 26, 12, 4), datetime(2014, 2, 26, 12, 24)):  # noqa: DTZ001 - Norwegian time
        data = sealed(tmp_path, XML, stamp=stamp)
        with opened(data) as delivery:
            plain.append(read(delivery))
    assert plain[0] == plain[1]
    assert gzip.decompress(plain[0]) == XML
    assert plain[0][3:8] == bytes(5)  # no name in the header, and no time


@pytest.mark.parametrize(
    ("stamp", "name"),
    [
        (datetime(2014, 2, 26, 12, 4, 9), "20140226T120409"),  # noqa: DTZ001 - without a zone it is Norwegian time
        (datetime(2014, 2, 26, 12, 4, 9, tzinfo=UTC), "20140226T130409"),
        (datetime(2014, 7, 26, 23, 4, 9, tzinfo=UTC), "20140727T010409"),
    ],
)
def test_a_set_is_named_by_norwegian_time(tmp_path: Path, stamp: datetime, name: str) -> None:
    data = sealed(tmp_path, stamp=stamp)
    assert {path.name for path in data.parent.iterdir()} == {
        f"Kontaktregister-{name}.{end}" for end in ("gz.enc", "sig", f"key.{ORGNR}")
    }


def test_a_set_made_here_is_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        data = sealed(tmp_path)
    finally:
        os.umask(before)
    assert data.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in data.parent.iterdir()} == {0o600}


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    stamp = datetime(2014, 2, 26, 12, 4, 9, tzinfo=UTC)
    data = sealed(tmp_path, stamp=stamp)
    files = sorted(data.parent.iterdir())
    for kept in files:
        for other in files:
            if other != kept:
                other.unlink(missing_ok=True)
        kept.write_bytes(b"kept")
        with pytest.raises(UsageError, match=f"{kept.name} is already there"):
            sealed(tmp_path, stamp=stamp)
        assert [path.read_bytes() for path in data.parent.iterdir()] == [b"kept"]
        kept.unlink()
        sealed(tmp_path, stamp=stamp)


class FailingCipher:
    """Fails after its first piece, as a disk would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.seen: list[str] = []

    def __call__(self, _: bytes) -> Callable[[bytes], bytes]:
        def encrypt(_: bytes) -> bytes:
            self.seen += [path.name for path in self.directory.iterdir()]
            raise OSError(28, "No space left on device")

        return encrypt


def test_a_set_that_cannot_be_made_whole_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cipher = FailingCipher(tmp_path / "out")
    monkeypatch.setattr("krr_export.input.delivery.cipher.encryptor", cipher)
    with pytest.raises(OSError, match="No space left"):
        sealed(tmp_path)
    assert cipher.seen
    assert [name for name in cipher.seen if DeliveryPath.at(Path(name))] == []
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unusable_place_for_a_set_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write to out"):
        sealed(tmp_path)


@pytest.mark.parametrize("orgnr", ["", "99182582", "9918258277", "a91825827", "../../etc", "VirksomhetsID-991825827"])
def test_what_is_no_organisation_number_makes_no_file_name(tmp_path: Path, orgnr: str) -> None:
    with pytest.raises(UsageError, match="nine digits"):
        sealed(tmp_path, orgnr=orgnr)
    with pytest.raises(UsageError, match="nine digits"):
        make_keys(tmp_path / "out", orgnr=orgnr)
    assert not (tmp_path / "out").exists()


def test_an_empty_or_missing_source_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"export\.xml is empty"):
        sealed(tmp_path, b"")
    keys = keys_of()
    with pytest.raises(InputError, match=r"none\.xml cannot be read: No such file"):
        seal(
            tmp_path / "none.xml", tmp_path / "out", recipient=keys.receiver_cert, orgnr=ORGNR,
            signing_key=keys.signing_key, passphrase=no_passphrase,
        )  # fmt: skip
    assert list((tmp_path / "out").iterdir()) == []


def test_throw_away_keys_seal_and_open_and_openssl_knows_them(tmp_path: Path) -> None:
    made = make_keys(tmp_path / "keys", orgnr=ORGNR, bits=2048)
    data = sealed(tmp_path, recipient=made.receiver, signing_key=made.publisher_private)
    with opened(data, private_key=made.receiver_private, publisher_cert=made.publisher) as delivery:
        assert gzip.decompress(read(delivery)) == XML
    for private, certificate in ((made.receiver_private, made.receiver), (made.publisher_private, made.publisher)):
        assert openssl("pkey", "-in", private, "-pubout") == openssl("x509", "-in", certificate, "-noout", "-pubkey")
        assert openssl("verify", "-CAfile", certificate, certificate).endswith(b"OK\n")
    assert ORGNR in openssl("x509", "-in", made.receiver, "-noout", "-subject").decode()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_throw_away_keys_replace_no_other_keys_and_are_not_weak(tmp_path: Path) -> None:
    (tmp_path / "publisher.pem").write_bytes(b"kept")
    with pytest.raises(UsageError, match=r"publisher\.pem is already there"):
        make_keys(tmp_path, orgnr=ORGNR, bits=2048)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"kept"]
    with pytest.raises(UsageError, match="2047 bits are too weak; at least 2048"):
        make_keys(tmp_path / "keys", orgnr=ORGNR, bits=2047)


# Keys in every form they come in.


def private_key_files(tmp_path: Path) -> dict[str, tuple[Path, bool]]:
    """Our private key in each form, and whether it is encrypted; under names that say nothing."""
    key, certificate = keys_of().private_key, keys_of().receiver_cert
    secret = ("-passout", f"pass:{PASSPHRASE.decode()}")
    commands: dict[str, tuple[bool, tuple[str | Path, ...]]] = {
        "pkcs8": (False, ("pkey", "-in", key)),
        "pkcs8 der": (False, ("pkey", "-in", key, "-outform", "DER")),
        "pkcs8 encrypted": (True, ("pkcs8", "-topk8", "-in", key, "-v2", "aes-256-cbc", *secret)),
        "pkcs8 encrypted der": (True, ("pkcs8", "-topk8", "-in", key, "-outform", "DER", *secret)),
        "pkcs1": (False, ("rsa", "-in", key, "-traditional")),
        "pkcs1 der": (False, ("rsa", "-in", key, "-traditional", "-outform", "DER")),
        "pkcs1 encrypted": (True, ("rsa", "-in", key, "-traditional", "-aes256", *secret)),
        "pkcs12": (True, ("pkcs12", "-export", "-inkey", key, "-in", certificate, *secret)),
        "pkcs12 without certificate": (True, ("pkcs12", "-export", "-inkey", key, "-nocerts", *secret)),
        "pkcs12 open": (False, ("pkcs12", "-export", "-inkey", key, "-in", certificate, "-passout", "pass:",
                                "-keypbe", "NONE", "-certpbe", "NONE", "-nomac")),
        "pkcs12 empty passphrase": (False, ("pkcs12", "-export", "-inkey", key, "-nocerts", "-passout", "pass:")),
    }  # fmt: skip
    files = {}
    for name, (encrypted, command) in commands.items():
        path = tmp_path / name
        path.write_bytes(openssl(*command))
        files[name] = path, encrypted
    both = tmp_path / "certificate, words and key"
    both.write_bytes(b"Bag Attributes\n" + certificate.read_bytes() + b"Key Attributes: none\r\n" + key.read_bytes())
    return {**files, both.name: (both, False)}


def test_a_private_key_is_read_in_every_form_and_its_passphrase_asked_only_where_needed(tmp_path: Path) -> None:
    data = make_set(tmp_path / "set", XML)
    expected = load_private_key(keys_of().private_key, no_passphrase).private_numbers()
    for name, (path, is_encrypted) in private_key_files(tmp_path).items():
        asked: list[str] = []

        def passphrase(name: str = name, asked: list[str] = asked) -> bytes:
            asked.append(name)
            return PASSPHRASE

        assert load_private_key(path, passphrase).private_numbers() == expected, name
        assert asked == [name] * is_encrypted, name
        with opened(data, private_key=path, passphrase=passphrase) as delivery:
            assert gzip.decompress(read(delivery)) == XML, name


def test_an_encrypted_key_without_a_passphrase_says_so(tmp_path: Path) -> None:
    for name, (path, is_encrypted) in private_key_files(tmp_path).items():
        if is_encrypted:
            with pytest.raises(InputError, match=f"{name} is encrypted, and there is no passphrase"):
                load_private_key(path, lambda: None)


def test_a_private_key_may_come_from_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "key"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(keys_of().private_key.read_bytes(),))
    writer.start()
    assert load_private_key(pipe, no_passphrase).key_size == deliveries.BITS
    writer.join()


def test_a_publisher_is_read_in_every_form(tmp_path: Path) -> None:
    certificate = keys_of().publisher_cert
    public = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    forms = {
        "certificate": certificate.read_bytes(),
        "certificate with text": openssl("x509", "-in", certificate, "-text"),
        "certificate der": openssl("x509", "-in", certificate, "-outform", "DER"),
        "key": public,
        "key der": openssl("pkey", "-pubin", "-outform", "DER", stdin=public),
        "key pkcs1": openssl("rsa", "-pubin", "-RSAPublicKey_out", stdin=public),
    }
    expected = load_publisher(certificate)
    for name, data in forms.items():
        path = tmp_path / name
        path.write_bytes(data)
        publisher = load_publisher(path)
        assert publisher.fingerprint == expected.fingerprint, name
        assert publisher.public_key == expected.public_key == load_recipient(path), name
        dates = (publisher.valid_from, publisher.valid_until)
        assert dates == ((None, None) if "key" in name else (expected.valid_from, expected.valid_until)), name


def test_a_certificate_is_valid_from_its_first_second_to_its_last() -> None:
    certificate = keys_of().publisher_cert
    publisher = load_publisher(certificate)
    assert publisher.valid_from is not None
    assert publisher.valid_until is not None
    for now in (publisher.valid_from, publisher.valid_until):
        assert load_publisher(certificate, now=now) == publisher
    second = timedelta(seconds=1)
    dates = f"from {publisher.valid_from:%Y-%m-%d} to {publisher.valid_until:%Y-%m-%d}"
    with pytest.raises(InputError, match=f"is not valid yet: it is valid {dates}"):
        load_publisher(certificate, now=publisher.valid_from - second)
    with pytest.raises(InputError, match=f"has expired: it is valid {dates}"):
        load_publisher(certificate, now=publisher.valid_until + second)


def test_the_hint_for_an_old_export_works(tmp_path: Path) -> None:
    data, keys = make_set(tmp_path, XML), keys_in(tmp_path)
    expired = deliveries.make_certificate(tmp_path / "expired; false.pem", keys.signing_key, days=-1)
    with pytest.raises(InputError) as caught, opened(data, publisher_cert=expired):
        pass
    assert caught.value.hint is not None
    command = caught.value.hint.partition("for an old export: ")[2]
    assert command.startswith("openssl x509 -in 'expired; false.pem'")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)  # noqa: S602 - the very words that a person would paste
    with opened(data, publisher_cert=tmp_path / "publisher-key.pem") as delivery:
        assert gzip.decompress(read(delivery)) == XML


# Which set is meant.


def test_from_any_file_of_a_set_it_is_that_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stamp in ("20140226T120409", "20140226T1224", "20140226T124409"):
        make_set(tmp_path, stamp.encode(), stamp=stamp)
    monkeypatch.chdir(tmp_path)
    for path in tmp_path.iterdir():
        for given in (path, Path(path.name)):
            assert DeliveryPath.at(given)
            with opened(given) as delivery:
                assert gzip.decompress(read(delivery)) == stamp_of(delivery).encode()
                assert delivery.name.startswith(path.name.partition(".")[0])


def test_names_may_differ_within_a_set(tmp_path: Path) -> None:
    data = make_set(tmp_path, XML)
    for old, new in ((".sig", "Kontaktregister-20140226T1204.sig"), (f".key.{ORGNR}", f"VirksomhetsID-{data.stem}")):
        name = f"{new.removesuffix('.gz')}{old}" if old.startswith(".key") else new
        data.with_name(data.name.replace(".gz.enc", old)).rename(tmp_path / name)
    assert (tmp_path / f"VirksomhetsID-Kontaktregister-20140226T120409.key.{ORGNR}").exists()
    with opened(tmp_path) as delivery:
        assert gzip.decompress(read(delivery)) == XML


def test_from_a_directory_it_is_the_newest_complete_set(tmp_path: Path) -> None:
    for stamp in ("20140226T1204", "20140226T122409", "20150226T120409", "20150226T122409", "20150226T124409"):
        make_set(tmp_path, XML, stamp=stamp)
    (tmp_path / "Kontaktregister-20150226T124409.sig").unlink()
    (tmp_path / "Kontaktregister-20150226T122409.gz.enc").unlink()
    (tmp_path / f"Kontaktregister-20150226T120409.key.{ORGNR}").rename(
        tmp_path / f"Kontaktregister-20150226T120409.key.{OTHER}"
    )
    (tmp_path / "README").write_bytes(b"")
    assert DeliveryPath.at(tmp_path)
    with opened(tmp_path, orgnr=ORGNR) as delivery:
        assert stamp_of(delivery) == "20140226T122409"
    with opened(tmp_path) as delivery:  # with no organisation given, any key will do
        assert (stamp_of(delivery), delivery.provenance.orgnr) == ("20150226T120409", OTHER)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside", "in another directory"])
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_latest_leads_to_the_set_it_links_to(tmp_path: Path, *, elsewhere: bool, relative: bool) -> None:
    real, links = tmp_path / ("real" if elsewhere else "links"), tmp_path / "links"
    data = make_set(real, XML)
    links.mkdir(exist_ok=True)
    for path in list(real.iterdir()):
        link = links / path.name.replace("20140226T120409", "LATEST")
        link.symlink_to(os.path.relpath(path, links) if relative else path)
        assert DeliveryPath.at(link)
    for given in [links, *links.iterdir()]:
        with opened(given) as delivery:
            assert delivery.name == data.name
            assert gzip.decompress(read(delivery)) == XML


def test_latest_is_one_set_even_where_its_links_are_being_moved(tmp_path: Path) -> None:
    old, new = make_set(tmp_path, b"<old/>"), make_set(tmp_path, b"<new/>", stamp="20140226T122409")
    (tmp_path / "Kontaktregister-LATEST.gz.enc").symlink_to(old.name)
    (tmp_path / "Kontaktregister-LATEST.sig").symlink_to(new.name.replace("gz.enc", "sig"))
    with opened(tmp_path / "Kontaktregister-LATEST.gz.enc") as delivery:
        assert (delivery.name, gzip.decompress(read(delivery))) == (old.name, b"<old/>")


def test_latest_is_taken_as_it_is_where_it_is_no_link(tmp_path: Path) -> None:
    for path in list(make_set(tmp_path, XML).parent.iterdir()):
        path.rename(path.with_name(path.name.replace("20140226T120409", "LATEST")))
    for given in [tmp_path, *tmp_path.iterdir()]:
        with opened(given) as delivery:
            assert delivery.name == "Kontaktregister-LATEST.gz.enc"


def test_latest_may_link_to_files_of_other_names(tmp_path: Path) -> None:
    real, links = tmp_path / "real", tmp_path / "links"
    links.mkdir()
    for number, path in enumerate(sorted(make_set(real, XML).parent.iterdir())):
        path.rename(real / f"blob-{number}")
        (links / path.name.replace("20140226T120409", "LATEST")).symlink_to(real / f"blob-{number}")
    with opened(links) as delivery:
        assert delivery.name == "blob-0"


def test_a_stamped_set_goes_before_latest(tmp_path: Path) -> None:
    make_set(tmp_path, b"<latest/>")
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("20140226T120409", "LATEST")))
    data = make_set(tmp_path, XML)
    with opened(tmp_path) as delivery:
        assert delivery.name == data.name
    data.unlink()
    with opened(tmp_path) as delivery:
        assert delivery.name == "Kontaktregister-LATEST.gz.enc"


def test_among_several_organisations_ours_must_be_named(tmp_path: Path) -> None:
    data = make_set(tmp_path, XML)
    ours = tmp_path / f"Kontaktregister-20140226T120409.key.{ORGNR}"
    theirs = ours.with_suffix(f".{OTHER}")
    theirs.write_bytes(deliveries.wrap(bytes(32), keys_of("others").receiver_cert))
    with pytest.raises(UsageError, match=f"several organisations: {OTHER}, {ORGNR}; give --orgnr"), opened(data):
        pass
    for path, orgnr in ((data, ORGNR), (tmp_path, ORGNR), (ours, None), (theirs, ORGNR)):
        with opened(path, orgnr=orgnr) as delivery:
            assert delivery.provenance.orgnr == ORGNR
    with pytest.raises(InputError, match="another organisation's key"), opened(theirs):
        pass


@pytest.mark.parametrize("end", ["gz.enc", "sig", f"key.{ORGNR}"])
@pytest.mark.parametrize("orgnr", [None, ORGNR])
def test_an_incomplete_set_names_what_is_missing(tmp_path: Path, end: str, orgnr: str | None) -> None:
    make_set(tmp_path, XML)
    missing = tmp_path / f"Kontaktregister-20140226T120409.{end}"
    missing.unlink()
    for given in [tmp_path, *tmp_path.iterdir()]:
        with pytest.raises(InputError) as caught, opened(given, orgnr=orgnr):
            pass
        # Where the organisation is not known, neither is the name of its key.
        name = missing.name.replace(ORGNR, "*") if orgnr is None and not given.name.endswith(ORGNR) else missing.name
        expected = f"the delivery is incomplete: there is no {name}; transfer what is missing"
        assert str(caught.value) == expected
    with pytest.raises(InputError, match="no such file"), opened(missing):
        pass


def test_a_directory_without_a_delivery_is_none(tmp_path: Path) -> None:
    (tmp_path / "export.xml").write_bytes(XML)
    assert not DeliveryPath.at(tmp_path)
    assert not DeliveryPath.at(tmp_path / "export.xml")
    assert not DeliveryPath.at(tmp_path / "none")
    assert not DeliveryPath.at(Path("-"))
    assert not DeliveryPath.at(Path("x\0y"))
    assert DeliveryPath.at(tmp_path / "none" / "Kontaktregister-20140226T1204.gz.enc")
    with pytest.raises(InputError, match="no file of a delivery"), opened(tmp_path):
        pass
    with pytest.raises(InputError, match="none cannot be read: No such file"):
        open_delivery(at(tmp_path / "none" / "Kontaktregister-20140226T1204.gz.enc"), DeliveryOptions())


def test_what_is_not_given_is_asked_for(tmp_path: Path) -> None:
    data = make_set(tmp_path, XML)
    with pytest.raises(UsageError) as caught, opened(data, private_key=None):
        pass
    assert str(caught.value) == f"{data.name} is encrypted; give --private-key FILE"
    modes: tuple[Literal["auto"], Form, Form] = ("auto", *FORMS)
    for mode in modes:
        with pytest.raises(UsageError) as caught, opened(data, publisher_cert=None, signature=mode):
            pass
        assert caught.value.hint == "--publisher-cert FILE, or --signature none if you must"
        with pytest.raises(UsageError):
            verify(io.BytesIO(), b"", None, mode)


# What it costs.


class Counting(io.FileIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        self.count += len(data or b"")
        return data or b""


@pytest.mark.parametrize("form", FORMS)
def test_verifying_is_one_pass_in_flat_memory(tmp_path: Path, form: Form) -> None:
    path, size, keys = tmp_path / "large", (64 << 20) + 5, keys_of()
    with path.open("wb") as file:
        file.truncate(size)
    signed = path
    if form == "legacy-buffer":
        signed = tmp_path / "signed"
        with signed.open("wb") as file:
            file.truncate(size - 5 + 16384)
    signature = openssl("dgst", *deliveries.PSS, "-sign", keys.signing_key, signed)
    publisher = load_publisher(keys.publisher_cert).public_key
    pieces: list[int] = []
    with Counting(path) as file:
        tracemalloc.start()
        try:
            verified = verify(file, signature, publisher, "auto", pieces.append)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert file.count == sum(pieces) == size == verified.size
    assert verified.form == form
    assert peak < 2 << 20


@pytest.mark.parametrize("start", [b"<", b"\x1f\x8b"], ids=["xml", "gzip"])
def test_sealing_is_done_in_flat_memory(tmp_path: Path, start: bytes) -> None:
    source, keys, size = tmp_path / "large", keys_of(), 48 << 20
    source.write_bytes(start)
    os.truncate(source, size)
    tracemalloc.start()
    try:
        made = seal(
            source, tmp_path / "out", recipient=keys.receiver_cert, orgnr=ORGNR, signing_key=keys.signing_key,
            passphrase=no_passphrase,
        )  # fmt: skip
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.data.stat().st_size == size or start == b"<"
    assert peak < 8 << 20


def test_a_start_without_a_delivery_does_not_wait_for_the_library() -> None:
    code = (
        "import krr_export.input.delivery.opening, krr_export.input.delivery.names, sys;"
        "assert 'cryptography' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The pieces, alone.


def test_a_stream_is_the_same_however_it_is_cut() -> None:
    key, plain = os.urandom(32), os.urandom(5000)
    whole = encryptor(key)(plain)
    for size in (1, 15, 16, 17, 4999):
        for make, data, expected in ((encryptor, plain, whole), (decryptor, whole, plain)):
            turn = make(key)
            assert b"".join(turn(data[at : at + size]) for at in range(0, len(data), size)) == expected


class Dribble(io.RawIOBase):
    """Gives as much as it likes at a time, as raw files may."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, size: int = -1, /) -> bytes:
        given, self.rest = self.rest[: min(size, 7001)], self.rest[min(size, 7001) :]
        return given


@pytest.mark.parametrize("form", FORMS)
def test_a_signature_does_not_depend_on_how_a_file_is_read(form: Form) -> None:
    data, keys = os.urandom(PIECE + 20000), keys_of()
    private, publisher = load_private_key(keys.signing_key, no_passphrase), public_key(keys.publisher_cert)
    signature = sign(Dribble(data), private, form)  # type: ignore[arg-type]  # the part of BinaryIO that is needed
    assert verify(io.BytesIO(data), signature, publisher, "auto").form == form


def public_key(certificate: Path) -> RSAPublicKey:
    """A certificate's key by way of openssl."""
    return load_pem_public_key(openssl("x509", "-in", certificate, "-noout", "-pubkey"))  # type: ignore[return-value]  # ours are RSA


def test_a_key_is_wrapped_anew_each_time_and_comes_out_the_same() -> None:
    keys, key = keys_of(), os.urandom(32)
    recipient, private = load_recipient(keys.receiver_cert), load_private_key(keys.private_key, no_passphrase)
    wrapped = [wrap_key(recipient, key) for _ in range(2)]
    assert wrapped[0] != wrapped[1]
    assert [unwrap_key(private, one) for one in wrapped] == [key, key]
    assert deliveries.unwrap(wrapped[0], keys.private_key) == key
