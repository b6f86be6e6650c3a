"""A delivery goes all the way to a snapshot, and whatever is wrong with it ends in one line and nothing published."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import termios
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import command
import deliveries
import discretion
import pyarrow.parquet as pq
import pytest

from krr_export import convert, open_export
from krr_export.errors import InputError
from krr_export.input.delivery.opening import DeliveryOptions, OpenedDelivery, open_delivery
from krr_export.input.delivery.provenance import PassedOver
from krr_export.jobs.inspect import inspect
from krr_export.output.manifest import read_manifest
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deliveries import Keys

    from krr_export.input.delivery.finding import DeliveryPath

RECORDS = 300
ORGNR = "991825827"


@pytest.fixture(scope="module")
def xml() -> bytes:
    out = BytesIO()
    write_sample(out, SampleOptions(RECORDS, seed=4))
    return out.getvalue()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return deliveries.keys_in(tmp_path / "keys")


@pytest.fixture
def inbox(tmp_path: Path, xml: bytes) -> Path:
    deliveries.make_set(tmp_path / "inbox", xml)
    return tmp_path / "inbox"


def options(keys: Keys, private_key: Path | None = None, publisher_cert: Path | None = None) -> list[str]:
    private_key, publisher_cert = private_key or keys.private_key, publisher_cert or keys.publisher_cert
    return ["--private-key", str(private_key), "--publisher-cert", str(publisher_cert)]


@pytest.mark.parametrize("part", ["", ".gz.enc", ".sig", f".key.{ORGNR}"])
def test_any_file_of_a_set_or_its_directory_becomes_the_snapshot_of_its_xml(
    part: str, inbox: Path, keys: Keys, xml: bytes, tmp_path: Path
) -> None:
    source = inbox / f"Kontaktregister-20140226T120409{part}" if part else inbox
    ran = command.call("convert", source, tmp_path / "store", *options(keys))
    assert ran.code == 0, ran.err
    convert(BytesIO(xml), tmp_path / "plain", workers=0)
    ours, plain = (pq.read_table(tmp_path / store / "latest/person") for store in ("store", "plain"))
    assert ours.equals(plain)


def test_the_manifest_says_from_whom_and_in_which_form(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    result = convert(inbox, tmp_path / "store", workers=0, delivery=_opened_by(keys))
    manifest = read_manifest(result.path)
    data = next(inbox.glob("*.gz.enc"))
    digest = subprocess.run(["sha256sum", data], capture_output=True, text=True, check=True).stdout.split()[0]
    assert (manifest.source.name, manifest.source.sha256) == (data.name, digest)
    assert manifest.source.size == data.stat().st_size
    delivery = manifest.source.delivery
    assert delivery is not None
    assert (delivery.orgnr, delivery.signature) == (ORGNR, "exact")
    assert re.fullmatch("[0-9a-f]{64}", delivery.publisher_sha256 or "")
    assert result.report is not None
    assert result.report.source.delivery == delivery


def test_the_same_delivery_again_is_nothing_to_do(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    convert(inbox, tmp_path / "store", workers=0, delivery=_opened_by(keys))
    assert convert(inbox, tmp_path / "store", workers=0, delivery=_opened_by(keys)).outcome == "unchanged"


def test_an_export_is_opened_by_the_library_too(inbox: Path, keys: Keys) -> None:
    with open_export(inbox, workers=0, delivery=_opened_by(keys)) as export:
        assert sum(batch.num_rows for batch in export.batches()) == RECORDS


@pytest.mark.parametrize("name", ["inspect", "validate"])
def test_other_commands_open_it_too(name: str, inbox: Path, keys: Keys) -> None:
    assert command.call(name, inbox, *options(keys)).code == 0


def test_without_a_signature_checked_everybody_is_told(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    ran = command.call(
        "convert", inbox, tmp_path / "store", "--private-key", keys.private_key, "--signature", "none", "--json"
    )
    assert ran.code == 0, ran.err
    assert "WARNING" in ran.err
    assert "its signature was not verified" in ran.last
    manifest = json.loads((tmp_path / "store/latest/manifest.json").read_text())
    assert manifest["source"]["delivery"]["signature"] == "not verified"


UNVERIFIED = "its signature was not verified"


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_every_last_line_says_that_no_signature_was_checked(
    quiet: tuple[str, ...], inbox: Path, keys: Keys, xml: bytes, tmp_path: Path
) -> None:
    given: list[str | Path] = ["--private-key", keys.private_key, "--signature", "none", *quiet]
    deliveries.make_set(tmp_path / "refused", re.sub(rb"<personidentifikator>.", b"<personidentifikator>", xml))
    commands: list[tuple[tuple[str | Path, ...], int, str]] = [
        (("convert", inbox, tmp_path / "store"), 0, "published"),
        (("convert", inbox, tmp_path / "store"), 0, "nothing to do"),
        (("convert", inbox, tmp_path / "other", "--limit", "1"), 0, "kept a partial result"),
        (("convert", tmp_path / "refused", tmp_path / "other"), 1, "not published"),
        (("validate", inbox), 0, "valid"),
        (("validate", tmp_path / "refused"), 1, "not valid"),
        (("inspect", inbox), 0, "5 of the first"),
    ]
    for arguments, code, begins in commands:
        ran = command.call(*arguments, *given)
        assert ran.code == code, ran.err
        assert UNVERIFIED in ran.last, begins
        assert len(ran.lines) == 1 if quiet else "WARNING" in ran.err
    assert UNVERIFIED not in command.call("validate", inbox, *options(keys)).last


def test_until_when_the_publishers_certificate_is_valid_is_said_and_warned_of_in_time(
    inbox: Path, keys: Keys, tmp_path: Path
) -> None:
    soon = deliveries.make_certificate(tmp_path / "soon.pem", keys.signing_key, days=20)
    late = deliveries.make_certificate(tmp_path / "late.pem", keys.signing_key, days=400)
    for certificate, warned in ((soon, True), (late, False)):
        shown = deliveries.openssl("x509", "-in", certificate, "-noout", "-enddate", "-dateopt", "iso_8601").decode()
        until = shown.removeprefix("notAfter=")[:10]
        said = f"delivered encrypted for {ORGNR}, signature: exact, publisher's certificate valid until {until}"
        for name in ("inspect", "validate"):
            ran = command.call(name, inbox, *options(keys, publisher_cert=certificate))
            output = ran.out + ran.err
            assert said in [*ran.out.splitlines(), *ran.lines], ran.err
            # The day is whole as long as the clock shows the second in which the certificate was made.
            assert bool(re.search(r"the publisher's certificate expires in (19|20) days", output)) == warned
    ran = command.call("inspect", inbox, *options(keys, publisher_cert=late), "--json")
    delivery = ran.result["delivery"]
    assert (delivery["orgnr"], delivery["signature"]) == (ORGNR, "exact")
    assert delivery["publisher_valid_until"].startswith(until)
    assert command.call("inspect", "samples/valid.xml", "--json").result["delivery"] is None


def test_a_newer_set_that_is_incomplete_is_not_passed_over_in_silence(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    for name in ("20130101T0100.gz.enc", "20140227T0100.sig", "20140228T0100.gz.enc"):
        (inbox / f"Kontaktregister-{name}").touch()
    lacks = [f"Kontaktregister-20140228T0100.{end}" for end in ("sig", "key.*")]
    said = f"passed over as incomplete: {' and '.join(lacks)} missing, Kontaktregister-20140227T0100.gz.enc and "
    for arguments in (("convert", inbox, tmp_path / "store"), ("validate", inbox), ("inspect", inbox)):
        for _ in range(2):
            ran = command.call(*arguments, *options(keys))
            assert ran.code == 0, ran.err
            assert said in ran.last
            assert "20130101" not in ran.err, "what is older is nobody's matter"
            lines = [line for line in (ran.out + ran.err).splitlines() if line.startswith("warning   ")]
            assert "nothing to do" in ran.last or any(said in line for line in lines)
    delivery = read_manifest(tmp_path / "store/latest").source.delivery
    assert delivery is not None
    assert [newer.set for newer in delivery.passed_over] == ["20140228T0100", "20140227T0100"]
    assert list(delivery.passed_over[0].missing) == lacks
    ran = command.call("validate", next(inbox.glob("Kontaktregister-20140226*.sig")), *options(keys))
    assert "passed over" not in ran.err, "the set was named, not chosen here"


def test_a_set_that_is_named_for_the_future_hides_no_other_and_is_named(
    inbox: Path, keys: Keys, xml: bytes, tmp_path: Path
) -> None:
    deliveries.make_set(inbox, xml, stamp="20990101T0100")
    (inbox / "Kontaktregister-20990102T0100.sig").touch()
    said = "passed over as incomplete: Kontaktregister-20990102T0100.gz.enc and Kontaktregister-20990102T0100.key.*"
    said += " missing; passed over as named for the future: 20990101T0100"
    for arguments in (("convert", inbox, tmp_path / "store"), ("validate", inbox), ("inspect", inbox)):
        ran = command.call(*arguments, *options(keys))
        assert (ran.code, said in ran.last) == (0, True), ran.err
        assert any(said in line for line in (ran.out + ran.err).splitlines() if line.startswith("warning   "))
    delivery = read_manifest(tmp_path / "store/latest").source.delivery
    assert delivery is not None
    assert delivery.passed_over[1] == PassedOver("20990101T0100", ())
    store = tmp_path / "other"
    assert command.call("convert", inbox, store, *options(keys), "--max-ahead", "99999d").code == 0
    assert read_manifest(store / "latest").source.name == "Kontaktregister-20990101T0100.gz.enc"
    ran = command.call("validate", inbox / "Kontaktregister-20990101T0100.sig", *options(keys))
    assert (ran.code, "passed over" in ran.last) == (0, False), ran.err
    for file in inbox.glob("*-2014*"):
        file.unlink()
    ran = command.call("inspect", inbox, *options(keys), "--json")
    assert (ran.code, "named for the future" in ran.last) == (0, False), "there is no other"


SENT_SO = {
    "a gzip cut short": lambda xml: gzip.compress(xml)[:-100],
    "a gzip whose checksum is wrong": lambda xml: gzip.compress(xml)[:-8] + b"sums" + gzip.compress(xml)[-4:],
    "a gzip with something behind it": lambda xml: gzip.compress(xml) + b"\0x",
    "a document cut short": lambda xml: gzip.compress(xml[:-100]),
    "a document cut within its root": lambda xml: gzip.compress(xml[:100]),
}
"""What a sender may have signed, as it is packed."""


@pytest.mark.parametrize("form", ["exact", "legacy-buffer"])
@pytest.mark.parametrize("what", SENT_SO)
def test_damage_behind_a_right_signature_is_the_senders(
    what: str, form: str, keys: Keys, xml: bytes, tmp_path: Path
) -> None:
    data = deliveries.make_set_of(tmp_path / "inbox", SENT_SO[what](xml), form=form)
    for name in ("validate", "inspect") if "root" in what else ("validate",):
        ran = command.call(name, data, *options(keys))
        assert ran.code == 3, ran.err
        assert "its signature is right, so it was sent so: ask the sender" in ran.last
        assert "transfer it" not in ran.err
    unsigned = command.call("validate", data, "--private-key", keys.private_key, "--signature", "none")
    assert "its signature is right" not in unsigned.err
    assert ("it arrived as it was sent" in unsigned.last) == ("document" in what), "a checksum may know as well"


@pytest.mark.parametrize("form", ["exact", "legacy-buffer"])
def test_a_gzip_padded_with_zeros_is_a_delivery_like_others(form: str, keys: Keys, xml: bytes, tmp_path: Path) -> None:
    packed = gzip.compress(xml)
    data = deliveries.make_set_of(tmp_path / "inbox", packed + b"\0" * (-len(packed) % 512 + 512), form=form)
    key = next(data.parent.glob("*.key.*"))
    key.rename(key.with_name(f"{ORGNR}-{key.name}"))
    for path in (data, data.parent, next(data.parent.glob("*.key.*"))):
        ran = command.call("validate", path, *options(keys))
        assert ran.code == 0, ran.err
        assert f"{RECORDS} records, 0 rejected" in ran.last


@pytest.mark.parametrize("what", ["a bit of the data", "a bit of the key", "data cut short"])
def test_a_bad_set_in_a_directory_is_named(what: str, inbox: Path, keys: Keys) -> None:
    name = next(inbox.glob("*.gz.enc")).name
    WRONG[what](inbox)
    message = command.call("validate", inbox, *options(keys)).last
    assert message.startswith(f"inbox: {name}: ")
    assert "delete the set's files, and fetch or transfer it again" in message


@pytest.mark.parametrize(
    ("name", "orgnr"),
    [
        *(("convert", orgnr) for orgnr in ("", "99182582", "9918258277", "x91825827", "\u0669" * 9, "*")),
        *((name, "99182582") for name in ("validate", "inspect", "fetch", "run", "seal", "keys")),
    ],
)
def test_an_organisations_number_has_nine_digits(
    name: str, orgnr: str, inbox: Path, keys: Keys, tmp_path: Path
) -> None:
    sealing: list[str | Path] = ["--recipient", keys.receiver_cert, "--signing-key", keys.signing_key]
    arguments: dict[str, list[str | Path]] = {
        "convert": [inbox, tmp_path / "store", *options(keys)],
        "fetch": ["sftp://me@127.0.0.1/d", tmp_path / "store"],
        "run": ["sftp://me@127.0.0.1/d", tmp_path / "store", tmp_path / "store", *options(keys)],
        "seal": [inbox, tmp_path / "store", *sealing],
        "keys": [tmp_path / "store"],
    }
    ran = command.call(name, *arguments.get(name, [inbox, *options(keys)]), "--orgnr", orgnr)
    assert (ran.code, "nine digits" in ran.last) == (2, True), ran.err
    assert not (tmp_path / "store").exists()


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


WRONG: dict[str, Callable[[Path], object]] = {
    "a bit of the data": lambda inbox: _flip(next(inbox.glob("*.gz.enc")), 1000),
    "a bit of the signature": lambda inbox: _flip(next(inbox.glob("*.sig")), 7),
    "a bit of the key": lambda inbox: _flip(next(inbox.glob("*.key.*")), 7),
    "data cut short": lambda inbox: os.truncate(next(inbox.glob("*.gz.enc")), 2000),
    "no data": lambda inbox: next(inbox.glob("*.gz.enc")).unlink(),
    "no signature": lambda inbox: next(inbox.glob("*.sig")).unlink(),
    "no key": lambda inbox: next(inbox.glob("*.key.*")).unlink(),
    "an empty directory": _empty,
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_set_is_refused_with_one_line_and_nothing_is_left(
    what: str, inbox: Path, keys: Keys, tmp_path: Path
) -> None:
    WRONG[what](inbox)
    ran = command.call("convert", inbox, tmp_path / "store", *options(keys))
    assert ran.code == 3, ran.err
    assert len(ran.lines) == 1
    assert not (tmp_path / "store").exists() or not [*(tmp_path / "store").glob("eksport=*")]


def test_whoever_has_the_wrong_keys_is_told_which_and_no_secret_is_told(
    inbox: Path, keys: Keys, xml: bytes, tmp_path: Path
) -> None:
    others = deliveries.keys_in(tmp_path / "others", "others")
    expired = deliveries.make_certificate(tmp_path / "expired.pem", keys.signing_key, days=-1)
    locked = tmp_path / "locked.pem"
    deliveries.openssl(
        "pkcs8", "-topk8", "-in", keys.private_key, "-out", locked, "-passout", f"pass:{deliveries.PASSPHRASE.decode()}"
    )
    said = [
        (options(keys, private_key=others.private_key), {}, "not for this private key"),
        (options(keys, publisher_cert=others.publisher_cert), {}, "signature"),
        (options(keys, publisher_cert=expired), {}, "expired"),
        (options(keys, private_key=locked), {}, "passphrase"),
        (options(keys, private_key=locked), {"KRR_EXPORT_PASSPHRASE": "wrong horse"}, "passphrase"),
    ]
    output = ""
    for arguments, env, word in said:
        ran = command.run("convert", inbox, tmp_path / "store", *arguments, env=env)
        assert (ran.code, len(ran.lines)) == (3, 1), ran.err
        assert word in ran.last
        output += ran.out + ran.err
    right = {"KRR_EXPORT_PASSPHRASE": deliveries.PASSPHRASE.decode()}
    (tmp_path / "passphrase").write_bytes(deliveries.PASSPHRASE + b"\n")
    for env, more in ((right, ()), ({}, ("--passphrase-file", str(tmp_path / "passphrase")))):
        ran = command.run("validate", inbox, *options(keys, private_key=locked), *more, "-v", "--json", env=env)
        assert ran.code == 0, ran.err
        output += ran.out + ran.err
    assert not [*(tmp_path / "store").glob("eksport=*")]
    secrets = [deliveries.PASSPHRASE.decode(), "wrong horse", *keys.private_key.read_text().split()[4:8]]
    persons = re.findall(rb"<(?:personidentifikator|Mobiltelefonnummer[^>]*|Epostadresse[^>]*)>([^<]+)<", xml)
    assert len(persons) > RECORDS
    assert [secret for secret in (*secrets, *{value.decode() for value in persons}) if secret in output] == []


def test_what_is_needed_is_named(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    ran = command.call("convert", inbox, tmp_path / "store")
    assert (ran.code, "--private-key" in ran.last) == (2, True), ran.err
    ran = command.call("convert", inbox, tmp_path / "store", "--private-key", keys.private_key)
    assert (ran.code, "--publisher-cert" in ran.last) == (2, True), ran.err


def test_a_pipe_is_refused_for_it_cannot_be_read_twice(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    data = next(inbox.glob("*.gz.enc"))
    ran = command.run("convert", "-", tmp_path / "store", *options(keys), stdin=data.read_bytes())
    assert (ran.code, "read twice" in ran.last) == (3, True), ran.err


def test_a_file_that_changes_after_it_was_verified_is_not_published(
    inbox: Path, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_changed(path: DeliveryPath, options: DeliveryOptions) -> OpenedDelivery:
        opened = open_delivery(path, options)
        _flip(next(inbox.glob("*.gz.enc")), 5000)
        return opened

    monkeypatch.setattr("krr_export.input.open_source.open_delivery", then_changed)
    with pytest.raises(InputError, match="changed after it was verified"):
        convert(inbox, tmp_path / "store", workers=0, delivery=_opened_by(keys))
    assert not [*(tmp_path / "store").glob("eksport=*")]


@pytest.mark.parametrize("name", ["current.gz.enc", "Kontaktregister.xml.gz", "kontaktregister-20140226T120409.gz.enc"])
def test_whoever_gives_keys_gets_nothing_that_is_not_signed(name: str, keys: Keys, xml: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(xml))
    ran = command.call("convert", tmp_path / name, tmp_path / "store", *options(keys))
    assert (ran.code, "its signature cannot be verified" in ran.last) == (3, True), ran.err
    assert not (tmp_path / "store").exists()


def test_a_link_of_any_name_leads_to_the_delivery(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(next(inbox.glob("*.gz.enc")))
    assert command.call("validate", tmp_path / "current", *options(keys)).code == 0


@pytest.mark.parametrize("act", ["limit", "inspect"])
def test_not_even_its_beginning_is_believed_once_the_file_was_changed(
    act: str, inbox: Path, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_changed(path: DeliveryPath, options: DeliveryOptions) -> OpenedDelivery:
        opened = open_delivery(path, options)
        data = next(inbox.glob("*.gz.enc"))
        _flip(data, data.stat().st_size - 1)
        return opened

    monkeypatch.setattr("krr_export.input.open_source.open_delivery", then_changed)
    acts: dict[str, Callable[[], object]] = {
        "inspect": lambda: inspect(inbox, delivery=_opened_by(keys)),
        "limit": lambda: convert(inbox, tmp_path / "store", workers=0, limit=5, delivery=_opened_by(keys)),
    }
    with pytest.raises(InputError, match="changed after it was verified"):
        acts[act]()
    assert not (tmp_path / "store" / ".partial").exists()


def test_what_was_not_verified_is_not_the_same_as_what_is(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    believed = replace(_opened_by(keys), publisher_cert=None, signature="none")
    convert(inbox, tmp_path / "store", workers=0, delivery=believed)
    result = convert(inbox, tmp_path / "store", workers=0, delivery=_opened_by(keys), replace=True)
    assert result.outcome == "published"
    delivery = read_manifest(result.path).source.delivery
    assert delivery is not None
    assert delivery.signature == "exact"


def test_no_message_shows_the_user_of_a_uri(tmp_path: Path) -> None:
    uri = "sftp://secretive:pw123@host.example/d"
    for arguments in (
        ("inspect", uri),
        ("convert", uri, tmp_path / "store"),
        (uri,),
        ("verify", uri),
        ("fetch", "a", "b", uri),
    ):
        ran = command.call(*arguments)
        assert ran.code != 0
        assert ran.lines
        assert [word for word in ("secretive", "pw123") if word in ran.out + ran.err] == []


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o444, True)])
def test_a_secret_that_every_user_may_read_is_warned_of(
    mode: int,
    warned: bool,  # noqa: FBT001 - a case
    inbox: Path,
    keys: Keys,
    tmp_path: Path,
) -> None:
    locked, passphrase = tmp_path / "locked.pem", tmp_path / "passphrase"
    passphrase.write_bytes(deliveries.PASSPHRASE + b"\n")
    deliveries.openssl("pkcs8", "-topk8", "-in", keys.private_key, "-out", locked, "-passout", f"file:{passphrase}")
    locked.chmod(mode)
    passphrase.chmod(mode)
    secrets = ("--passphrase-file", str(passphrase))
    ran = command.call("validate", inbox, *options(keys, private_key=locked), *secrets, "--json")
    assert ran.code == 0, "a container's secrets may be so"
    assert ran.result["exit_code"] == 0
    warnings = [line for line in ran.lines if line.startswith("WARNING")]
    said = [f"WARNING   {option} {file.name} can be read by every user of this machine: chmod o-r"
            for option, file in (("--private-key", locked), ("--passphrase-file", passphrase))]  # fmt: skip
    assert warnings == (said if warned else [])
    assert len(command.call("validate", inbox, *options(keys, private_key=locked), *secrets, "-q").lines) == 1
    sealing = ("--recipient", keys.receiver_cert, "--orgnr", ORGNR, "--signing-key", locked, *secrets)
    ran = command.call("seal", "samples/valid.xml", tmp_path / "sealed", *sealing)
    assert ("--signing-key locked.pem can be read" in ran.err) == warned
    uri = "sftp://me@127.0.0.1:1/d"
    login = ("--identity", locked, "--identity-passphrase-file", passphrase)
    ran = command.call("fetch", uri, tmp_path / "fetched", *login)
    said = [f"{option} {file.name} can be read" for option, file in zip(login[::2], login[1::2], strict=True)]
    assert [line in ran.err for line in said] == [warned, warned]


def test_a_terminal_that_goes_away_at_the_prompt_is_said_so(inbox: Path, keys: Keys, tmp_path: Path) -> None:
    locked = tmp_path / "locked.pem"
    secret = ("-passout", f"pass:{deliveries.PASSPHRASE.decode()}")
    deliveries.openssl("pkcs8", "-topk8", "-in", keys.private_key, "-out", locked, *secret)
    arguments = [str(argument) for argument in ("validate", inbox, *options(keys, private_key=locked))]
    ours, theirs = os.openpty()
    # As under nohup: else SIGHUP would come first, and end the program in its own way.
    deaf = ["setsid", "--ctty", "--wait", "sh", "-c", 'trap "" HUP; exec "$0" "$@"']
    program = [*deaf, *command.PROGRAM, *arguments]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(program, stdin=theirs, stdout=out, stderr=err, env=command.environment())
    os.close(theirs)
    shown = b""
    while b"Passphrase of the private key" not in shown:
        shown += os.read(ours, 100)
    # What is typed is not shown: it waits for an answer.
    command.wait_until(lambda: not termios.tcgetattr(ours)[3] & termios.ECHO)
    os.close(ours)
    assert process.wait(command.HANG) == 3
    said = (tmp_path / "err").read_text()
    discretion.hear(said)
    assert "the terminal went away while the passphrase was asked for; give --passphrase-file" in said.splitlines()[-1]


def _opened_by(keys: Keys) -> DeliveryOptions:
    return DeliveryOptions(private_key=keys.private_key, publisher_cert=keys.publisher_cert)
