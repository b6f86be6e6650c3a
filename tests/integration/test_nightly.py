"""One command does the night's work: what is new is fetched, loaded and proven, and a night cut short is made good."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import command
import deliveries
import discretion
import pytest
from servers import sshd

import krr_export
from krr_export.input.delivery.opening import DeliveryOptions
from krr_export.jobs.nightly import NightOptions, run_night
from krr_export.jobs.options import ConvertOptions
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORDS = 200
MIB = 1 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    with sshd.served(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(served: sshd.Server) -> sshd.Server:
    for file in served.directory.iterdir():
        file.unlink()
    return served


@pytest.fixture
def night(server: sshd.Server, tmp_path: Path) -> Callable[..., command.Ran]:
    """Run a night, with --force but where told otherwise: tests have not twenty minutes."""
    keys = deliveries.keys_in(tmp_path / "keys")

    def run(*more: str, force: bool = True, store: str | None = None) -> command.Ran:
        return command.call(
            "run", server.uri(), tmp_path / "inbox", store or tmp_path / "store",
            "--identity", str(server.login.identity), "--known-hosts", str(server.login.known_hosts),
            "--private-key", keys.private_key, "--publisher-cert", keys.publisher_cert, "--json", *more,
            *(["--force"] if force else []),
        )  # fmt: skip

    return run


def put_export(server: sshd.Server, made: datetime, **changes: float) -> None:
    out = BytesIO()
    write_sample(out, SampleOptions(RECORDS, exported=made, **changes))  # type: ignore[arg-type]  # its own options
    deliveries.make_set(server.directory, out.getvalue(), stamp=f"{made:%Y%m%dT%H%M%S}")


def tamper(server: sshd.Server) -> str:
    """Change the last byte of the delivery that is there; gives the name of its data."""
    data = next(server.directory.glob("*.gz.enc"))
    octets = data.read_bytes()
    data.write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
    return data.name


def hours_ago(hours: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)


def snapshots(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "store").glob("eksport=*"))


def test_a_night_fetches_loads_and_proves_and_the_next_finds_nothing_new(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    ran = night("--max-age", "48h")
    assert ran.code == 0, ran.err
    (converted,) = ran.result["converted"]
    assert converted["report"]["counts"] == {"seen": RECORDS, "written": RECORDS, "rejected": 0}
    assert len(ran.result["fetched"]["sets"]) == 1
    assert (tmp_path / "store/latest/_SUCCESS").is_file()
    again = night("--max-age", "48h")
    assert again.code == 0, again.err
    assert again.result["fetched"]["sets"] == []
    assert again.result["converted"][0]["outcome"] == "unchanged"
    assert "nothing to do" in again.last
    assert len(snapshots(tmp_path)) == 1


def test_a_night_that_ended_after_the_fetch_is_made_good_by_the_next(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    (tmp_path / "store").touch()
    ran = night()
    assert (ran.code, len([*(tmp_path / "inbox").glob("*.gz.enc")])) == (4, 1), ran.err
    (tmp_path / "store").unlink()
    ran = night()
    assert (ran.code, len(snapshots(tmp_path))) == (0, 1), ran.err
    assert ran.result["fetched"]["sets"] == [], "it was fetched the night before"


def test_only_the_newest_snapshots_stay(server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path) -> None:
    for hours in (72, 48, 24):
        put_export(server, hours_ago(hours))
        ran = night("--keep", "2")
        assert ran.code == 0, ran.err
    assert len(snapshots(tmp_path)) == 2
    assert len(ran.result["pruned"]) == 1
    assert "deleted 1" in ran.last


def test_a_night_goes_to_an_object_store(server: sshd.Server, night: Callable[..., command.Ran], bucket: str) -> None:
    for hours in (72, 48, 24):
        put_export(server, hours_ago(hours))
        ran = night("--keep", "2", "--changes", store=bucket)
        assert ran.code == 0, ran.err
    [pruned] = ran.result["pruned"]
    assert pruned.startswith(f"{bucket}/eksport=")
    [converted] = ran.result["converted"]
    assert converted["path"].startswith(f"{bucket}/eksport=")
    assert command.call("check", bucket, "--prove", "--max-age", "36h").code == 0
    assert len(krr_export.history(bucket)) == 2
    again = night(store=bucket)
    assert (again.code, again.result["converted"][0]["outcome"]) == (0, "unchanged")
    assert (
        "changes are applied to a store in a directory"
        in command.call("run", "--changes-from", "https://register.example.no", "inbox", bucket).last
    )


@pytest.mark.parametrize("loaded_before", [False, True])
def test_too_old_an_export_trips_the_guard_and_is_not_loaded(
    loaded_before: bool,  # noqa: FBT001 - a case
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path,
) -> None:  # fmt: skip
    put_export(server, hours_ago(50))
    if loaded_before:
        assert night().code == 0
    before = snapshots(tmp_path)
    ran = night("--max-age", "48h")
    assert ran.code == 5, ran.err
    assert re.search(r"50 hours ago: --max-age 48h", ran.last)
    assert snapshots(tmp_path) == before


def test_an_export_unlike_the_one_before_it_trips_the_guard_until_it_is_accepted(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(27))
    assert night().code == 0
    put_export(server, hours_ago(3), change_number=1)
    ran = night("--max-drop", "50%")
    assert (ran.code, len(snapshots(tmp_path))) == (5, 1), ran.err
    assert ran.result["converted"][-1]["outcome"] == "guard"
    assert "change number 1, but 41234567 in the export before it" in ran.last
    ran = night("--no-guard")
    assert (ran.code, len(snapshots(tmp_path))) == (0, 2), ran.err


def test_where_there_is_no_delivery_at_all_that_is_said(
    night: Callable[..., command.Ran], tmp_path: Path, server: sshd.Server
) -> None:
    assert not [*server.directory.iterdir()]
    ran = night()
    assert (ran.code, snapshots(tmp_path)) == (3, []), ran.err
    assert "there is no delivery" in ran.last


def test_rejects_end_a_night_as_they_end_a_conversion(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3), fault_share=0.2)
    ran = night()
    assert (ran.code, snapshots(tmp_path)) == (1, []), ran.err
    ran = night("--max-rejects", "50%")
    assert (ran.code, len(snapshots(tmp_path))) == (0, 1), ran.err


def test_a_tampered_delivery_ends_a_night_with_nothing_loaded(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    tamper(server)
    ran = night()
    assert (ran.code, snapshots(tmp_path)) == (3, []), ran.err
    assert "signature" in ran.last


def test_a_bad_set_that_the_server_withdrew_is_in_nobodys_way(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    name = tamper(server)
    assert night().code == 3
    for file in server.directory.iterdir():
        file.unlink()
    put_export(server, hours_ago(30))
    ran = night("--max-age", "48h")
    assert (ran.code, len(snapshots(tmp_path))) == (0, 1), ran.err
    assert (tmp_path / "inbox" / f".{name}.bad").is_file(), "nothing that was fetched is deleted"


def test_what_is_wrong_with_the_keys_is_said_before_the_server_is_asked(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    expired = deliveries.make_certificate(tmp_path / "expired.pem", deliveries.keys_of().signing_key, days=-1)
    for option, file in (("--private-key", tmp_path / "not there.pem"), ("--publisher-cert", expired)):
        ran = night(option, str(file))
        assert (ran.code, file.name in ran.last) == (3, True), ran.err
    login = ("--identity", server.login.identity, "--known-hosts", server.login.known_hosts)
    ran = command.call("run", server.uri(), tmp_path / "inbox", tmp_path / "store", *map(str, login))
    assert (ran.code, "--private-key" in ran.last) == (2, True), ran.err
    assert not (tmp_path / "inbox").exists(), "nothing was fetched"


def test_a_passphrase_is_asked_for_once(server: sshd.Server, tmp_path: Path) -> None:
    put_export(server, hours_ago(3))
    asked: list[bytes] = []

    def passphrase() -> bytes:
        asked.append(deliveries.PASSPHRASE)
        return deliveries.PASSPHRASE

    keys, locked = deliveries.keys_of(), tmp_path / "locked.pem"
    secret = f"pass:{deliveries.PASSPHRASE.decode()}"
    deliveries.openssl("pkcs8", "-topk8", "-in", keys.private_key, "-out", locked, "-passout", secret)
    delivery = DeliveryOptions(locked, passphrase, keys.publisher_cert)
    options = NightOptions(server.login, ConvertOptions(delivery=delivery, workers=0, max_age="2d"))
    assert run_night(server.uri(), tmp_path / "inbox", tmp_path / "store", options).exit_code == 0
    assert len(asked) == 1


def damage(path: Path) -> None:
    """Change a byte of a file as a bad disk does: neither its size nor its time tell."""
    status, data = path.stat(), path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("end", ["gz.enc", "sig", f"key.{sshd.ORGNR}"])
@pytest.mark.parametrize("more", [(), ("--max-age", "48h")])
def test_a_set_that_was_damaged_in_the_inbox_is_fetched_anew_by_the_next_night(
    end: str, more: tuple[str, ...], server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    assert night().code == 0
    shutil.rmtree(tmp_path / "store")
    damaged = next((tmp_path / "inbox").glob(f"*.{end}"))
    damage(damaged)
    ran = night(*more)
    assert (ran.code, snapshots(tmp_path)) == (3, []), ran.err
    assert "the set's files are set aside" in ran.last
    assert "delete" not in ran.last, "there is nothing for anybody to do"
    assert (tmp_path / "inbox" / f".{damaged.name}.bad").is_file()
    ran = night(*more)
    assert (ran.code, len(snapshots(tmp_path)), len(ran.result["fetched"]["sets"])) == (0, 1, 1), ran.err


def test_a_bad_set_on_the_server_is_fetched_each_night_for_it_may_have_been_mended(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    data = next(server.directory.glob("*.gz.enc"))
    damage(data)
    for _ in range(2):
        assert night().code == 3
    damage(data)  # as it was
    ran = night()
    assert (ran.code, len(snapshots(tmp_path))) == (0, 1), ran.err


def test_a_night_that_may_not_ask_again_yet_does_not_pass_an_older_set_off_as_the_newest(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(30))
    assert night().code == 0
    put_export(server, hours_ago(3))
    data = next(path for path in server.directory.glob("*.gz.enc") if not (tmp_path / "inbox" / path.name).exists())
    damage(data)
    assert night().code == 3
    for _ in range(2):
        ran = night(force=False)
        assert (ran.code, f"{data.name} was set aside as unusable" in ran.last) == (3, True), ran.err
    for file in server.directory.glob(f"{data.name.removesuffix('gz.enc')}*"):
        file.unlink()
    assert night().code == 0, "it was withdrawn"
    assert night(force=False).code == 0


def test_a_set_that_cannot_be_set_aside_is_named_as_what_it_is(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(3))
    data = next(server.directory.glob("*.gz.enc"))
    damage(data)
    (tmp_path / "inbox" / f".{data.name}.bad").mkdir(parents=True)
    ran = night()
    assert ran.code == 3, ran.err
    assert "signature" in ran.last
    assert f"cannot set aside {data.name}: Is a directory" in ran.last


@pytest.mark.parametrize(("hours", "code"), [(20, 0), (28, 5), (24 * 366, 5)])
def test_an_export_from_the_future_trips_the_guard(
    hours: int, code: int, server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(-hours))
    ran = night()
    assert (ran.code, len(snapshots(tmp_path))) == (code, 0 if code else 1), ran.err
    assert ("is a clock wrong?" in ran.last) == bool(code)
    for more in (("--max-ahead", "400d"), ()):  # once it is accepted, it is not to trip every night
        assert (night(*more).code, len(snapshots(tmp_path))) == (0, 1)


def test_a_delivery_from_the_future_hides_none_that_come_later(
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path
) -> None:
    put_export(server, hours_ago(-24 * 366))
    assert night().code == 5
    for nights, hours in ((1, 50), (2, 26)):
        put_export(server, hours_ago(hours))
        ran = night()
        assert (ran.code, len(snapshots(tmp_path))) == (0, nights), ran.err
        assert "passed over as named for the future: 2" in ran.last
    ran = night("--max-ahead", "400d")
    assert (ran.code, len(snapshots(tmp_path))) == (0, 3), ran.err


@pytest.mark.parametrize("lies_there", [True, False])
def test_an_old_set_that_is_delivered_again_trips_the_guard_until_it_is_accepted(
    lies_there: bool,  # noqa: FBT001 - a case
    server: sshd.Server, night: Callable[..., command.Ran], tmp_path: Path,
) -> None:  # fmt: skip
    for hours in (50, 26):
        put_export(server, hours_ago(hours))
        assert night().code == 0
    if not lies_there:
        assert night("--keep", "1").code == 0
    before = snapshots(tmp_path)
    for file in server.directory.iterdir():
        if hours_ago(50).strftime("%Y%m%dT%H") in file.name or hours_ago(51).strftime("%Y%m%dT%H") in file.name:
            replayed = re.sub(r"\d{8}T\d{6}", f"{hours_ago(2):%Y%m%dT%H%M%S}", file.name)
            (server.directory / replayed).write_bytes(file.read_bytes())
    ran = night()
    assert (ran.code, snapshots(tmp_path)) == (5, before), ran.err
    assert f"before the newest snapshot, {before[-1]}; is it an old set, delivered again?" in ran.last
    ran = night("--allow-older")
    assert (ran.code, len(snapshots(tmp_path))) == (0, 2), ran.err
    assert (tmp_path / "store/latest").resolve().name == before[-1], "it is not the newest for that"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_stops_a_night_while_it_fetches_loses_nothing_that_had_arrived(
    server: sshd.Server, tmp_path: Path, number: int, code: int
) -> None:
    data = sshd.put(server.directory, "20260102T0100", size=4 * MIB)
    part, keys = tmp_path / "inbox" / f".{data.name}.part", deliveries.keys_in(tmp_path / "keys")
    with sshd.between(server) as proxy:
        proxy.stall_after = 2 * MIB
        login = server.known(proxy.port)
        arguments = (
            "run", server.uri(proxy.port), tmp_path / "inbox", tmp_path / "store",
            "--identity", str(login.identity), "--known-hosts", str(login.known_hosts),
            "--private-key", keys.private_key, "--publisher-cert", keys.publisher_cert,
        )  # fmt: skip
        with command.started(*arguments) as stopped:
            command.wait_until(lambda: part.exists() and part.stat().st_size > MIB)
            stopped.send_signal(number)
            _, err = stopped.communicate(timeout=command.HANG)
    discretion.hear(err.decode())
    assert stopped.returncode == code, err
    assert "the next run goes on from there" in err.decode().splitlines()[-1]
    assert part.stat().st_size > MIB
    assert not (tmp_path / "store").exists()


def test_a_server_that_is_not_there_is_exit_6(tmp_path: Path, server: sshd.Server) -> None:
    uri, keys = server.uri(sshd.free_port()), deliveries.keys_of()
    ran = command.call(
        "run", uri, tmp_path / "inbox", tmp_path / "store", "--identity", str(server.login.identity),
        "--private-key", keys.private_key, "--publisher-cert", keys.publisher_cert,
    )  # fmt: skip
    assert ran.code == 6, ran.err
    assert json.dumps(snapshots(tmp_path)) == "[]"


@pytest.mark.parametrize("age", ["48", "0h", "two days", "-1h"])
def test_an_age_that_is_none_is_wrong_usage(age: str, night: Callable[..., command.Ran]) -> None:
    assert night("--max-age", age).code == 2
