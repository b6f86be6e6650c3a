"""Fetching: whole sets from the known server only, each once, resumed after a cut; judged by a real OpenSSH server."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import discretion
import paramiko
import pytest
from command import HANG, call, wait_until
from servers import sshd
from servers.sshd import ORGNR, OTHER, PASSPHRASE, Server, put

from krr_export.errors import InputError, KrrExportError, NetworkError, OutputError, UsageError
from krr_export.input.sftp import Fetched, Login, connection, fetch
from krr_export.input.sftp.address import parse_address
from krr_export.input.sftp.identities import identities
from krr_export.input.sftp.inbox import open_inbox
from krr_export.input.sftp.known_hosts import known_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

MIB = 1 << 20
STATE = ".fetch.json"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sshd.served(tmp_path_factory.mktemp("server"), kinds=("rsa", "ed25519")) as server:
        yield server


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys and hosts of whoever runs it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def server(running: Server) -> Server:
    """The server with an empty directory."""
    shutil.rmtree(running.directory)
    running.directory.mkdir()
    return running


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def take(server: Server, inbox: Path, **options: Any) -> Fetched:  # noqa: ANN401 - those of fetch
    return fetch(server.uri(), inbox, **{"login": server.login, "force": True, **options})


def through(proxy: sshd.Proxy, server: Server, inbox: Path, **options: Any) -> Fetched:  # noqa: ANN401 - those of fetch
    return fetch(server.uri(proxy.port), inbox, **{"login": server.known(proxy.port), "force": True, **options})


def begin(proxy: sshd.Proxy, server: Server, inbox: Path, cut_after: int, **options: bool) -> str:
    """A fetch whose line is cut after so many bytes, and what it says; the next is not cut."""
    proxy.cut_after = cut_after
    with pytest.raises(NetworkError) as caught:
        through(proxy, server, inbox, **options)
    proxy.cut_after = None
    return str(caught.value)


def visible(inbox: Path) -> list[str]:
    return sorted(path.name for path in inbox.iterdir() if not path.name.startswith("."))


def names(*stamps: str, orgnrs: tuple[str, ...] = (ORGNR,)) -> list[str]:
    kinds = ("gz.enc", "sig", *(f"key.{orgnr}" for orgnr in orgnrs))
    return sorted(f"Kontaktregister-{stamp}.{kind}" for stamp in stamps for kind in kinds)


def same(inbox: Path, server: Server, *found: str) -> bool:
    return all((inbox / name).read_bytes() == (server.directory / name).read_bytes() for name in found)


def fails(kind: type[KrrExportError], *said: str, server: Server, inbox: Path, **options: Any) -> str:  # noqa: ANN401 - those of fetch
    with pytest.raises(kind) as caught:
        take(server, inbox, **options)
    assert [part for part in said if part not in str(caught.value)] == [], str(caught.value)
    return str(caught.value)


# What is fetched


def test_a_set_arrives_with_the_same_bytes_closed_to_others(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T030405", size=3 * MIB + 17)
    (server.directory / "readme.txt").touch()
    fetched = take(server, inbox)
    assert visible(inbox) == names("20260102T030405")
    assert same(inbox, server, *visible(inbox))
    assert fetched.sets == (inbox / "Kontaktregister-20260102T030405.gz.enc",)
    assert (fetched.newest, fetched.newest_stamp) == (fetched.sets[0], "20260102T030405")
    assert fetched.skipped is None
    assert {stat.S_IMODE(path.stat().st_mode) for path in inbox.glob("K*")} == {0o600}
    assert stat.S_IMODE(inbox.stat().st_mode) == 0o700
    assert not list(inbox.glob("*.part*")) + list(inbox.glob(".K*"))


def test_the_newest_is_fetched_or_all_or_those_since_a_day(server: Server, tmp_path: Path) -> None:
    stamps = ["20251231T2340", "20260101T000000", "20260102T0100"]
    for stamp in stamps:
        put(server.directory, stamp)
    assert visible(take(server, tmp_path / "a").sets[0].parent) == names(stamps[2])
    assert [path.name[16:-7] for path in take(server, tmp_path / "b", everything=True).sets] == stamps
    since = take(server, tmp_path / "c", since=date(2026, 1, 1))
    assert visible(tmp_path / "c") == names(*stamps[1:])
    assert since.newest_stamp == stamps[2]
    assert take(server, tmp_path / "d", since=date(2026, 1, 3)).newest is None


def test_keys_of_all_organisations_are_fetched_or_of_one(server: Server, tmp_path: Path) -> None:
    put(server.directory, "20260102T0100", orgnrs=(ORGNR, OTHER))
    take(server, tmp_path / "all")
    assert visible(tmp_path / "all") == names("20260102T0100", orgnrs=(ORGNR, OTHER))
    take(server, tmp_path / "one", orgnr=OTHER)
    assert visible(tmp_path / "one") == names("20260102T0100", orgnrs=(OTHER,))


@pytest.mark.parametrize("orgnr", ["", "12345678", "99182582x", "../../etc"])
def test_an_organisation_has_nine_digits(server: Server, inbox: Path, orgnr: str) -> None:
    fails(UsageError, "nine digits", server=server, inbox=inbox, orgnr=orgnr)


@pytest.mark.parametrize("parts", ["ds", "dk", "sk"])
def test_an_incomplete_set_is_passed_over_and_what_is_missing_is_named(server: Server, inbox: Path, parts: str) -> None:
    put(server.directory, "20260102T0100")
    put(server.directory, "20260103T0100", parts=parts)
    missing = {"ds": f"Kontaktregister-20260103T0100.key.{ORGNR}", "dk": "0100.sig", "sk": "0100.gz.enc"}[parts]
    fetched = take(server, inbox, orgnr=ORGNR)
    assert visible(inbox) == names("20260102T0100")
    assert "passed over" in fetched.message
    assert f"{missing} missing" in fetched.message


def test_a_set_that_is_named_for_the_future_hides_no_other_and_is_named(server: Server, tmp_path: Path) -> None:
    for stamp in ("20260102T0100", "20260103T0100", "20990101T0100", "20990102T010000"):
        put(server.directory, stamp)
    put(server.directory, "20990103T0100", parts="s")
    for name, options, found in (
        ("a", {}, ["20260103T0100"]),
        ("b", {"everything": True}, ["20260102T0100", "20260103T0100"]),
        ("c", {"since": date(2026, 1, 3)}, ["20260103T0100"]),
    ):
        fetched = take(server, tmp_path / name, **options)
        assert [path.name[16:-7] for path in fetched.sets] == found
        assert fetched.newest_stamp == found[-1]
        assert "passed over as named for the future: 20990102T010000, 20990101T0100" in fetched.message
        assert "as incomplete: Kontaktregister-20990103T0100.gz.enc missing" in fetched.message
    fetched = take(server, tmp_path / "d", max_ahead="99999d")
    assert (fetched.newest_stamp, "named for the future" in fetched.message) == ("20990102T010000", False)
    with pytest.raises(UsageError, match="--max-ahead soon"):
        take(server, tmp_path / "e", max_ahead="soon")


def test_a_set_that_is_named_for_the_future_is_fetched_where_there_is_no_other_and_hides_none_later(
    server: Server, inbox: Path
) -> None:
    put(server.directory, "20990101T0100")
    assert take(server, inbox).newest_stamp == "20990101T0100"
    assert take(server, inbox, force=False).newest_stamp == "20990101T0100"
    put(server.directory, "20260102T0100")
    assert take(server, inbox).newest_stamp == "20260102T0100"
    skipped = take(server, inbox, force=False)
    assert (skipped.skipped is not None, skipped.newest_stamp) == (True, "20260102T0100")
    assert take(server, inbox, force=False, max_ahead="99999d").newest_stamp == "20990101T0100"


@pytest.mark.parametrize("end", ["sig", f"key.{ORGNR}"])
def test_what_is_too_large_to_be_a_signature_or_a_key_is_not_fetched(server: Server, inbox: Path, end: str) -> None:
    put(server.directory, "20260102T0100")
    put(server.directory, "20260103T0100")
    large = server.directory / f"Kontaktregister-20260103T0100.{end}"
    os.truncate(large, 1 << 16)
    fetched = take(server, inbox)
    assert visible(inbox) == names("20260103T0100"), "so much may be read"
    shutil.rmtree(inbox)
    with large.open("ab") as file:
        file.truncate((1 << 16) + 1)
    with sshd.between(server) as proxy:
        fetched = through(proxy, server, inbox)
        assert proxy.sent < 1 << 16
    assert visible(inbox) == names("20260102T0100")
    assert f"passed over as incomplete: {large.name} too large" in fetched.message
    assert f"{large.name} missing" not in fetched.message


def test_another_organisations_key_that_is_too_large_is_left_there(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100", orgnrs=(ORGNR, OTHER))
    os.truncate(server.directory / f"Kontaktregister-20260102T0100.key.{OTHER}", 1 << 20)
    take(server, inbox)
    assert visible(inbox) == names("20260102T0100")


def test_where_there_is_nothing_complete_this_is_an_error(server: Server, inbox: Path) -> None:
    fails(InputError, "there is no delivery", server=server, inbox=inbox)
    put(server.directory, "20260102T0100", parts="dk")
    fails(InputError, "no complete set", "Kontaktregister-20260102T0100.sig missing", server=server, inbox=inbox)
    put(server.directory, "20260102T0100")
    fails(InputError, f"key.{OTHER} missing", server=server, inbox=inbox, orgnr=OTHER)
    assert visible(inbox) == []


def test_what_is_there_is_not_fetched_again(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100", size=MIB)
    with sshd.between(server) as proxy:
        through(proxy, server, inbox)
        first, proxy.sent = proxy.sent, 0
        again = through(proxy, server, inbox)
    assert first > MIB
    assert proxy.sent < 20_000
    assert again.sets == ()
    assert again.newest_stamp == "20260102T0100"
    assert "nothing new" in again.message


def test_a_file_of_another_size_is_fetched_anew(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100")
    take(server, inbox)
    (inbox / data.name).write_bytes(b"damaged")
    assert take(server, inbox).sets == (inbox / data.name,)
    assert same(inbox, server, data.name)


def test_names_on_the_server_are_never_trusted(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    for name in (
        b"\xe6\xf8\xe5.gz.enc",
        b"Kontaktregister-20260102T0100.gz.enc\n",
        b"..Kontaktregister-20260102T01.sig",
    ):
        Path(os.fsdecode(bytes(server.directory) + b"/" + name)).write_bytes(b"x")
    (server.directory / "Kontaktregister-20260109T0100.sig").mkdir()
    take(server, inbox)
    assert visible(inbox) == names("20260102T0100")


# LATEST


def link_latest(directory: Path, stamp: str, *, to: Path | None = None) -> None:
    for name in names(stamp):
        link = directory / name.replace(stamp, "LATEST")
        link.unlink(missing_ok=True)
        link.symlink_to((to / name) if to else name)


def link_to_archive(server: Server, stamp: str) -> None:
    """Let LATEST lead to a set in another directory of the server's."""
    archive = server.home / "archive"
    shutil.rmtree(archive, ignore_errors=True)
    archive.mkdir()
    put(archive, stamp)
    link_latest(server.directory, stamp, to=archive)


def test_links_named_latest_stand_for_their_targets(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    link_latest(server.directory, "20260102T0100")
    assert len(take(server, inbox, everything=True).sets) == 1
    assert visible(inbox) == names("20260102T0100")


def test_a_link_may_lead_out_of_the_directory(server: Server, inbox: Path) -> None:
    link_to_archive(server, "20260102T0100")
    assert take(server, inbox).newest_stamp == "20260102T0100"
    assert visible(inbox) == names("20260102T0100")


def test_a_link_that_leads_nowhere_is_passed_over(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    link_latest(server.directory, "20260109T0100")
    assert take(server, inbox).newest_stamp == "20260102T0100"


def test_latest_that_is_no_link_is_fetched_under_that_name_whenever_it_is_a_new_one(
    server: Server, inbox: Path
) -> None:
    data = put(server.directory, "LATEST")
    os.utime(data, (1_700_000_000, 1_700_000_000))
    assert take(server, inbox).newest_stamp == "LATEST"
    assert take(server, inbox).sets == ()
    data.write_bytes(b"y" * 5000)
    os.utime(data, (1_700_001_200, 1_700_001_200))
    assert take(server, inbox).sets == (inbox / data.name,)
    assert (inbox / data.name).read_bytes() == b"y" * 5000
    assert take(server, inbox).sets == ()


# Cuts


def test_after_a_cut_only_the_rest_is_transferred(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100", size=8 * MIB)
    with sshd.between(server) as proxy:
        assert re.search(r"was lost.*goes on where it stopped", begin(proxy, server, inbox, 5 * MIB))
        assert visible(inbox) == []
        there = (inbox / f".{data.name}.part").stat()
        assert there.st_size > 2 * MIB  # what was in flight is lost
        assert stat.S_IMODE(there.st_mode) == 0o600
        proxy.sent = 0
        told: list[tuple[int, int | None]] = []
        through(proxy, server, inbox, progress=lambda done, total: told.append((done, total)))
    assert proxy.sent < 8 * MIB - there.st_size + 50_000
    assert same(inbox, server, *names("20260102T0100"))
    assert told[0][0] > 2 * MIB
    assert told[-1] == (8 * MIB + 512, 8 * MIB + 512)
    assert list(inbox.glob(".K*")) == []


def test_a_line_cut_while_asking_is_not_taken_for_the_end_of_a_file(
    server: Server, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server.directory, "20260102T0100", size=8 * MIB)
    send, calls = paramiko.Channel.send, itertools.count()
    # A channel that is closed sends nothing, which paramiko says with the same error as the end of a file.
    monkeypatch.setattr(paramiko.Channel, "send", lambda self, data: send(self, data) if next(calls) < 150 else 0)
    fails(NetworkError, "was lost", server=server, inbox=inbox)


def test_a_cut_does_not_make_anyone_wait_twenty_minutes(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100", size=MIB)
    with sshd.between(server) as proxy:
        begin(proxy, server, inbox, MIB // 2, force=False)
        assert len(through(proxy, server, inbox, force=False).sets) == 1


def test_what_another_file_began_is_not_continued(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100", size=4 * MIB)
    with sshd.between(server) as proxy:
        begin(proxy, server, inbox, 3 * MIB)
        data.write_bytes(b"z" * 4 * MIB)
        os.utime(data, (1_700_000_000, 1_700_000_000))
        through(proxy, server, inbox)
    assert same(inbox, server, data.name)


def test_beginnings_of_what_the_server_has_no_more_are_removed(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100", size=2 * MIB)
    with sshd.between(server) as proxy:
        begin(proxy, server, inbox, MIB)
        assert (inbox / f".{data.name}.part").exists()
        shutil.rmtree(server.directory)
        server.directory.mkdir()
        put(server.directory, "20260103T0100")
        through(proxy, server, inbox)
    assert list(inbox.glob(".K*")) == []


def impatient_once(silent: Callable[[], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time that the server may be silent, once it is: before, a busy machine may take what it needs."""
    receive = paramiko.Channel.recv

    def recv(channel: paramiko.Channel, size: int) -> bytes:
        wait_until(lambda: channel.recv_ready() or channel.closed or silent())
        if silent():
            channel.settimeout(0.5)
        return receive(channel, size)

    monkeypatch.setattr(paramiko.Channel, "recv", recv)


def test_a_server_that_falls_silent_in_the_middle_is_given_up(
    server: Server, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = put(server.directory, "20260102T0100", size=4 * MIB)
    with sshd.between(server) as proxy:
        proxy.stall_after = 2 * MIB
        impatient_once(lambda: proxy.sent > 2 * MIB, monkeypatch)
        with pytest.raises(NetworkError, match="stopped answering"):
            through(proxy, server, inbox)
    assert (inbox / f".{data.name}.part").stat().st_size > MIB


def test_a_set_that_grows_while_it_is_read_is_not_kept(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100", size=6 * MIB)

    def grow(sent: int) -> None:
        if sent > 3 * MIB and data.stat().st_size == 6 * MIB:
            with data.open("ab") as file:
                file.write(b"more")

    with sshd.between(server) as proxy:
        proxy.on_bytes = grow
        with pytest.raises(NetworkError, match="still being written"):
            through(proxy, server, inbox)
    assert visible(inbox) == []
    take(server, inbox)
    assert same(inbox, server, *names("20260102T0100"))


def test_a_set_that_shrinks_while_it_is_read_is_not_kept(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100", size=6 * MIB)
    with sshd.between(server) as proxy:
        proxy.on_bytes = lambda sent: os.truncate(data, 4 * MIB) if sent > MIB else None
        with pytest.raises(NetworkError, match="still being written"):
            through(proxy, server, inbox)
    assert visible(inbox) == []


def test_reads_are_in_flight_together(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100", size=8 * MIB)
    with sshd.between(server) as proxy:
        proxy.latency = 0.02
        through(proxy, server, inbox)
    assert proxy.asked < 120  # one by one, the 256 pieces alone would be asked for in 256 messages


def test_memory_is_flat(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100", size=48 * MIB)
    tracemalloc.start()
    try:
        take(server, inbox)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * MIB


# Who is there


def test_an_unknown_server_is_refused_with_the_line_that_makes_it_known(
    server: Server, inbox: Path, tmp_path: Path
) -> None:
    put(server.directory, "20260102T0100")
    known = tmp_path / "known"
    known.touch()
    login = Login(server.login.identity, known_hosts=known)
    said = fails(NetworkError, "unknown", "SHA256:", server=server, inbox=inbox, login=login)
    line = said.partition("the line: ")[2]
    assert line.split()[1:] == (server.home / "host_ed25519.pub").read_text().split()[:2]
    known.write_text(f"{line}\n")
    assert len(take(server, inbox, login=login).sets) == 1


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_changed_host_key_is_refused(server: Server, inbox: Path, tmp_path: Path, kind: str) -> None:
    put(server.directory, "20260102T0100")
    known = sshd.know(tmp_path / "known", server.port, (sshd.make_key(tmp_path / "other", kind),))
    login = Login(server.login.identity, known_hosts=known)
    fails(NetworkError, "not the known one", "ssh-keygen -R", server=server, inbox=inbox, login=login)
    assert visible(inbox) == []


def test_a_server_is_asked_for_the_kind_of_key_that_is_known(server: Server, tmp_path: Path) -> None:
    put(server.directory, "20260102T0100")
    for key in server.host_keys:
        known = sshd.know(tmp_path / "known", server.port, (key,))
        assert take(server, tmp_path / key.name, login=Login(server.login.identity, known_hosts=known)).sets


def test_hashed_names_are_read_as_ssh_keygen_writes_them(server: Server, inbox: Path, tmp_path: Path) -> None:
    put(server.directory, "20260102T0100")
    known = sshd.know(tmp_path / "known", server.port, server.host_keys)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert "127.0.0.1" not in known.read_text()
    assert take(server, inbox, login=Login(server.login.identity, known_hosts=known)).sets


@pytest.mark.parametrize("hosts", [
    "host.example.no", "HOST.example.no", "*.example.no", "ho?t.example.no", "*.example.no,!host.example.no", "a,b",
    "!host.example.no,*", "host", "[host.example.no]:2222", "[host.example.no]:22", "10.0.0.1,host.example.no",
    "[*.example.no]:2222", "# host.example.no", "@revoked host.example.no", "*",
])  # fmt: skip
@pytest.mark.parametrize("name", ["host.example.no", "[host.example.no]:2222"])
def test_known_hosts_are_read_as_openssh_reads_them(server: Server, tmp_path: Path, hosts: str, name: str) -> None:
    known = tmp_path / "known"
    known.write_text(f"\nnonsense\n{hosts} {server.host_keys[0].with_suffix('.pub').read_text()}")
    found = subprocess.run(["ssh-keygen", "-F", name, "-f", known], capture_output=True, check=False, text=True)
    keys = known_keys(name, known)
    assert bool(keys.trusted or keys.revoked) == (found.returncode == 0)
    assert bool(keys.revoked) == (found.returncode == 0 and "REVOKED" in found.stdout)


def test_a_revoked_key_is_refused(server: Server, inbox: Path, tmp_path: Path) -> None:
    known = sshd.know(tmp_path / "known", server.port, server.host_keys)
    known.write_text(known.read_text() + "".join(f"@revoked {line}\n" for line in known.read_text().splitlines()))
    login = Login(server.login.identity, known_hosts=known)
    fails(NetworkError, "revoked", server=server, inbox=inbox, login=login)


def test_a_wrong_host_or_port_is_said_to_be_so(server: Server, inbox: Path) -> None:
    for uri, said in [
        ("sftp://u@nowhere.invalid/ut", "there is no host nowhere.invalid"),
        (server.uri(sshd.free_port()), "refuses connections"),
    ]:
        with pytest.raises(NetworkError, match=said):
            fetch(uri, inbox, login=server.login)


def test_a_server_that_says_nothing_is_given_up(server: Server, inbox: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pytest.raises(NetworkError, match=r"did not answer within 0\.5 s"),
    ):
        fetch(server.uri(mute.getsockname()[1]), inbox, login=Login(server.login.identity, timeout=0.5))


def test_a_server_that_speaks_another_protocol_is_no_ssh_server(server: Server, inbox: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        sshd.answering(other, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        pytest.raises(NetworkError, match="is it an SSH server"),
    ):
        fetch(server.uri(other.getsockname()[1]), inbox, login=server.login)


# The login


def test_a_wrong_identity_is_refused(server: Server, inbox: Path, tmp_path: Path) -> None:
    login = Login(sshd.make_key(tmp_path / "stranger"), known_hosts=server.login.known_hosts)
    said = fails(NetworkError, "refuses the login", server=server, inbox=inbox, login=login)
    assert "stranger" not in said


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("form", ["openssh", "pkcs8", "encrypted openssh", "encrypted pkcs8"])
def test_every_usual_form_of_key_logs_in(server: Server, inbox: Path, tmp_path: Path, kind: str, form: str) -> None:
    put(server.directory, "20260102T0100")
    passphrase = PASSPHRASE if form.startswith("encrypted") else ""
    key = sshd.make_key(tmp_path / "key", kind, passphrase)
    if form.endswith("pkcs8"):
        sshd.rewrite_as_pkcs8(key, passphrase)
    asked: list[str] = []

    def answer() -> bytes:
        asked.append(form)
        return PASSPHRASE.encode()

    with sshd.authorized(server, key):
        assert take(server, inbox, login=Login(key, answer, server.login.known_hosts)).sets
    assert bool(asked) == bool(passphrase)


def test_an_agent_logs_in(server: Server, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(server.directory, "20260102T0100")
    login = Login(known_hosts=server.login.known_hosts)
    fails(NetworkError, "no key to log in", server=server, inbox=inbox, login=login)
    with sshd.agent(server.login.identity) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert take(server, inbox, login=login).sets


@pytest.mark.parametrize("answer", [b"", b"\0\0\0\x05", b"\0\0\0\x12\x0c\0\0\0\1\0\0\0\5\0\0\0\1\xff\0\0\0\0", None])
def test_an_agent_that_makes_no_sense_or_says_nothing_is_passed_over(
    server: Server, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    put(server.directory, "20260102T0100")
    (tmp_path / ".ssh").mkdir()
    assert server.login.identity
    shutil.copy(server.login.identity, tmp_path / ".ssh" / "id_ed25519")
    # Only the agent's time is short: a busy machine may take what it needs to fetch.
    monkeypatch.setattr(connection, "identities", lambda identity, passphrase, _: identities(identity, passphrase, 0.5))
    login = Login(known_hosts=server.login.known_hosts)
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{directory}/agent")
        listener.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{directory}/agent")
        with nullcontext() if answer is None else sshd.answering(listener, answer):
            assert take(server, inbox, login=login).sets


def test_a_certificate_in_an_agent_logs_in(
    server: Server, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server.directory, "20260102T0100")
    authority, key = sshd.make_key(tmp_path / "authority"), sshd.make_key(tmp_path / "key")
    signing = ["ssh-keygen", "-q", "-I", "test", "-n", sshd.USER, "-s"]
    subprocess.run([*signing, authority, key.with_suffix(".pub")], check=True)
    with sshd.authorized(server, authority, "cert-authority "), sshd.agent(key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert take(server, inbox, login=Login(known_hosts=server.login.known_hosts)).sets


def test_the_users_own_key_and_known_hosts_are_used(server: Server, inbox: Path, tmp_path: Path) -> None:
    put(server.directory, "20260102T0100")
    (tmp_path / ".ssh").mkdir()
    assert server.login.identity
    shutil.copy(server.login.identity, tmp_path / ".ssh" / "id_ed25519")
    sshd.make_key(tmp_path / ".ssh" / "id_rsa", "rsa", PASSPHRASE)
    sshd.know(tmp_path / ".ssh" / "known_hosts", server.port, server.host_keys)
    assert take(server, inbox, login=Login()).sets


@pytest.mark.parametrize(("given", "said"), [
    (None, "cannot be read"), (b"no key", "not a private key"), ("locked", "is encrypted"), ("wrong", "does not open"),
])  # fmt: skip
def test_an_identity_that_cannot_be_used_is_said_to_be_so(
    server: Server, inbox: Path, tmp_path: Path, given: bytes | str | None, said: str
) -> None:
    file = tmp_path / "my-key"
    if isinstance(given, bytes):
        file.write_bytes(given)
    elif given:
        sshd.make_key(file, "ed25519", PASSPHRASE)
    login = Login(file, lambda: b"a guess" if given == "wrong" else None, server.login.known_hosts)
    message = fails(UsageError, said, server=server, inbox=inbox, login=login)
    assert "my-key" not in message
    assert "guess" not in message


@pytest.mark.parametrize(("denied", "said"), [
    ("open", "permission: cannot read Kontaktregister-20260102T0100.sig"), ("opendir", "permission: cannot list 127."),
])  # fmt: skip
def test_what_may_not_be_read_is_said_to_be_so(tmp_path: Path, inbox: Path, denied: str, said: str) -> None:
    home = tmp_path / "server"
    home.mkdir()
    with sshd.served(home, sftp=f"-P {denied}") as strict:
        put(strict.directory, "20260102T0100")
        fails(NetworkError, said, server=strict, inbox=inbox)
    assert visible(inbox) == []


def test_a_server_that_hides_where_links_lead_gives_latest_under_that_name(tmp_path: Path, inbox: Path) -> None:
    home = tmp_path / "server"
    home.mkdir()
    with sshd.served(home, sftp="-P realpath,readlink") as strict:
        link_to_archive(strict, "20260102T0100")
        assert take(strict, inbox).newest_stamp == "LATEST"
    assert visible(inbox) == names("LATEST")


def test_a_missing_directory_is_said_to_be_so(server: Server, inbox: Path) -> None:
    with pytest.raises(NetworkError, match="no such directory"):
        fetch(server.uri(directory=server.home / "none"), inbox, login=server.login)


# The URI


@pytest.mark.parametrize(("uri", "server", "directory"), [
    ("sftp://me@Host.example.no/ut/krr/", "host.example.no", "/ut/krr"),
    ("sftp://me@host:2222/", "host:2222", "/"),
    ("sftp://me@host/~/ut", "host", "ut"),
    ("sftp://me@host/~", "host", "."),
    ("sftp://me%40firm@[2001:db8::1]:22/%C3%A6%20%2F", "[2001:db8::1]", "/æ "),
    ("sftp://me@[::1]:24/a%3Fb", "[::1]:24", "/a?b"),
])  # fmt: skip
def test_a_uri_is_read(uri: str, server: str, directory: str) -> None:
    address = parse_address(uri)
    assert (address.server, address.directory) == (server, directory)
    assert address.user in {"me", "me@firm"}
    assert "me" not in repr(address).replace("example", "")
    assert "me@" not in address.location


@pytest.mark.parametrize("uri", [
    "https://me@host/ut", "sftp://host/ut", "sftp://me@/ut", "sftp://me@host", "sftp://me@host:0/ut", "/ut",
    "sftp://me@host:99999/ut", "sftp://me@host:x/ut", "sftp://me@host/ut?a=b", "sftp://me@host/ut#x", "",
    "sftp://me@host/%ff", "sftp://me@host/%0a", "sftp://me@host/u\nt", "sftp://me@[::1/ut", "sftp://me@ho st/ut",
    "sftp://me@-oProxyCommand=x/ut", "sftp://me:hunter2@host/ut", "sftp://me:@host/ut",
])  # fmt: skip
def test_a_wrong_uri_is_refused_before_anything_is_done(uri: str, inbox: Path) -> None:
    with pytest.raises(UsageError) as caught:
        fetch(uri, inbox, login=Login())
    assert "hunter2" not in str(caught.value)
    assert not inbox.exists()


# Twenty minutes


def asked(inbox: Path, seconds_ago: float) -> None:
    state = json.loads((inbox / STATE).read_text())
    (inbox / STATE).write_text(json.dumps({"asked": dict.fromkeys(state["asked"], time.time() - seconds_ago)}))


def test_a_server_is_not_asked_more_often_than_every_twenty_minutes(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    take(server, inbox, force=False)
    put(server.directory, "20260102T0120")
    asked(inbox, 7 * 60 + 5)
    skipped = take(server, inbox, force=False)
    assert skipped.skipped == "asked 7 minutes ago"
    assert (skipped.sets, skipped.newest_stamp) == ((), "20260102T0100")
    asked(inbox, 20 * 60 + 1)
    assert take(server, inbox, force=False).newest_stamp == "20260102T0120"
    put(server.directory, "20260102T0140")
    assert take(server, inbox, force=False).skipped == "asked less than a minute ago"
    assert take(server, inbox, force=True).newest_stamp == "20260102T0140"


def test_a_set_that_is_set_aside_does_not_have_the_server_asked_any_sooner(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100")
    take(server, inbox, force=False)
    with open_inbox(inbox) as opened:
        opened.set_aside(data.name)
    skipped = take(server, inbox, force=False)
    assert (skipped.skipped, skipped.unusable) == ("asked less than a minute ago", data.name)


def test_another_directory_is_another_matter(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    take(server, inbox, force=False)
    with pytest.raises(NetworkError, match="no such directory"):
        fetch(server.uri(directory=server.home / "none"), inbox, login=server.login)


@pytest.mark.parametrize("state", ["clock", "", "[]", '{"asked": 7}', '{"asked": {"a": "b"}}'])
def test_neither_a_clock_put_back_nor_damage_locks_anyone_out(server: Server, inbox: Path, state: str) -> None:
    put(server.directory, "20260102T0100")
    take(server, inbox, force=False)
    if state == "clock":
        asked(inbox, -365 * 24 * 3600)
    else:
        (inbox / STATE).write_text(state)
    assert take(server, inbox, force=False).skipped is None
    assert take(server, inbox, force=False).skipped


def test_a_user_is_written_nowhere(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    take(server, inbox)
    assert f"{sshd.USER}@" not in (inbox / STATE).read_text()


# The inbox


def test_two_fetches_do_not_share_an_inbox(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    take(server, inbox)
    with (inbox / ".fetch.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fails(OutputError, "another fetch is at work", server=server, inbox=inbox)
    assert take(server, inbox).skipped is None


def test_an_inbox_that_cannot_be_is_an_output_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fails(OutputError, "cannot open the inbox", "a file lies", server=server, inbox=tmp_path / "file")
    fails(OutputError, "cannot open the inbox", server=server, inbox=tmp_path / "file" / "below")


def test_a_disk_without_room_is_an_output_error_and_the_next_run_goes_on(server: Server, inbox: Path) -> None:
    data = put(server.directory, "20260102T0100", size=3 * MIB)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    try:
        fails(OutputError, f"cannot write {data.name}: File too large", server=server, inbox=inbox)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert visible(inbox) == []
    assert (inbox / f".{data.name}.part").stat().st_size == MIB
    take(server, inbox)
    assert same(inbox, server, *names("20260102T0100"))


LAID = [".{}.part", ".{}.part.json", ".{}.part.json.part", "{}", ".fetch.json", ".fetch.json.part"]


@pytest.mark.parametrize("lay", [os.symlink, os.link])
@pytest.mark.parametrize("name", LAID)
def test_nothing_is_written_through_a_link_that_lies_in_the_inbox(
    server: Server, inbox: Path, tmp_path: Path, lay: Callable[[Path, Path], None], name: str
) -> None:
    data = put(server.directory, "20260102T0100")
    inbox.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    before = precious.stat().st_mtime_ns
    lay(precious, inbox / name.format(data.name))
    take(server, inbox)
    assert (precious.read_text(), precious.stat().st_mtime_ns) == ("mine", before)
    assert same(inbox, server, *names("20260102T0100"))


@pytest.mark.parametrize("lay", [os.symlink, os.link])
def test_no_beginning_is_continued_through_a_link(
    server: Server, inbox: Path, tmp_path: Path, lay: Callable[[Path, Path], None]
) -> None:
    data = put(server.directory, "20260102T0100", size=4 * MIB)
    with sshd.between(server) as proxy:
        begin(proxy, server, inbox, 3 * MIB)
        precious, part = tmp_path / "precious", inbox / f".{data.name}.part"
        precious.write_bytes(part.read_bytes()[:1000])
        part.unlink()
        lay(precious, part)
        through(proxy, server, inbox)
    assert precious.stat().st_size == 1000
    assert same(inbox, server, data.name)


def test_a_lock_that_is_a_link_is_refused(server: Server, inbox: Path, tmp_path: Path) -> None:
    inbox.mkdir()
    (inbox / ".fetch.lock").symlink_to(tmp_path / "elsewhere")
    fails(OutputError, "symbolic link", server=server, inbox=inbox)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", [".{}.part.json", ".fetch.json"])
@pytest.mark.parametrize("content", [None, b"[" * 60_000, b'{"asked": {"a": 1' + b"0" * 4000 + b"}}", b"\xff", b"{}"])
def test_what_else_lies_there_under_our_names_stops_nothing(
    server: Server, inbox: Path, name: str, content: bytes | None
) -> None:
    data = put(server.directory, "20260102T0100")
    inbox.mkdir()
    (inbox / f".{data.name}.part").write_bytes(b"x")
    if content is None:
        os.mkfifo(inbox / name.format(data.name))
    else:
        (inbox / name.format(data.name)).write_bytes(content.replace(b'"a"', f'"sftp://{server.shown}"'.encode()))
    take(server, inbox)
    assert same(inbox, server, *names("20260102T0100"))


# The command


def options(server: Server) -> list[str]:
    return ["--identity", str(server.login.identity), "--known-hosts", str(server.login.known_hosts)]


def command(*arguments: str | Path) -> tuple[int, str, str]:
    ran = call("fetch", *arguments)
    return ran.code, ran.out, ran.err


def test_the_command_says_what_it_fetched(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100")
    code, out, err = command(server.uri(), inbox, "--json", "--progress", *options(server))
    result = json.loads(out)
    assert code == result["exit_code"] == 0
    assert result["sets"] == [result["newest"]] == [str(inbox / "Kontaktregister-20260102T0100.gz.enc")]
    assert result["newest_stamp"] == "20260102T0100"
    assert err.splitlines()[-1].startswith("krr-export: fetched 1 set")
    code, out, err = command(server.uri(), inbox, "--json", *options(server))
    assert (code, json.loads(out)["skipped"]) == (0, "asked less than a minute ago")
    assert command(server.uri(), inbox, "-q", "--force", "--since", "2026-01-01", *options(server))[0] == 0


def test_exit_codes_tell_the_network_from_usage_and_disk(server: Server, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for uri, where, code in [
        ("sftp://me:secret@host/ut", inbox, 2),
        (server.uri(), inbox, 3),
        (server.uri(), tmp_path / "file", 4),
        (server.uri(sshd.free_port()), inbox, 6),
    ]:
        found, out, err = command(uri, where, "--json", *options(server))
        assert found == code == json.loads(out)["exit_code"], err
        assert len(err.splitlines()) == 1
        assert err.startswith("krr-export: ")


def test_nothing_secret_is_said(server: Server, inbox: Path, tmp_path: Path) -> None:
    put(server.directory, "20260102T0100")
    key = sshd.make_key(tmp_path / "hidden-place", "ed25519", PASSPHRASE)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(f"{PASSPHRASE}\n")
    wrong.write_text("wrong secret passphrase\n")
    known = ["--known-hosts", str(server.login.known_hosts), "-v", "--json", "--progress", "--force"]
    uri = server.uri(user="a-user-nobody-knows")
    said = [
        command(uri, inbox, "--identity", key, "--identity-passphrase-file", file, *known)
        for file in (right, wrong, tmp_path / "none")
    ]
    with sshd.authorized(server, key):
        said.append(command(server.uri(), inbox, "--identity", key, "--identity-passphrase-file", right, *known))
    assert [code for code, _, _ in said] == [6, 2, 2, 0]
    for secret in (PASSPHRASE, "wrong secret", "a-user-nobody-knows", "hidden-place", f"{sshd.USER}@", "BEGIN"):
        assert secret not in str(said)


_PROGRAM = """
import signal, sys
from krr_export.cli.failures import TerminatedError
from krr_export.cli.commands.fetch import fetch_command

def end(number, frame):
    raise TerminatedError(number)
signal.signal(signal.SIGTERM, end)
sys.exit(fetch_command.main(sys.argv[1:], standalone_mode=False))
"""


def process(server: Server, port: int, inbox: Path) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    login = ["--identity", str(server.login.identity), "--known-hosts", str(server.known(port).known_hosts)]
    arguments = [sys.executable, "-c", _PROGRAM, server.uri(port), str(inbox), *login]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


def last_words(ended: subprocess.Popen[str]) -> str:
    """What it says on standard error until its end."""
    try:
        _, err = ended.communicate(timeout=HANG)
    finally:
        ended.kill()  # or the test would wait for it too
    discretion.hear(err)
    return err


def test_no_failure_prints_more_than_one_line(server: Server, inbox: Path) -> None:
    put(server.directory, "20260102T0100", size=4 * MIB)
    with sshd.between(server) as proxy:
        proxy.cut_after = 2 * MIB
        with process(server, proxy.port, inbox) as cut:
            err = last_words(cut)
    assert (cut.returncode, len(err.splitlines())) == (6, 1), err
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        sshd.answering(other, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        process(server, other.getsockname()[1], inbox) as refused,
    ):
        err = last_words(refused)
    assert (refused.returncode, len(err.splitlines())) == (6, 1), err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_stops_a_fetch_finds_what_had_arrived(server: Server, inbox: Path, number: int, code: int) -> None:
    data = put(server.directory, "20260102T0100", size=4 * MIB)
    with sshd.between(server) as proxy:
        proxy.stall_after = 2 * MIB
        with process(server, proxy.port, inbox) as stopped:
            part = inbox / f".{data.name}.part"
            wait_until(lambda: part.exists() and part.stat().st_size > MIB)
            stopped.send_signal(number)
            err = last_words(stopped)
    assert stopped.returncode == code
    assert "the next run goes on from there" in err
    assert len(err.splitlines()) == 1
    assert part.stat().st_size > MIB
    take(server, inbox)
    assert same(inbox, server, *names("20260102T0100"))


def test_a_signal_that_comes_while_the_library_holds_a_lock_is_not_waited_out(server: Server) -> None:
    """Nor by a file that was open, which paramiko closes once it is garbage."""
    data = put(server.directory, "20260102T0100")

    def interrupted() -> None:
        with suppress(KeyboardInterrupt), connection.connect(parse_address(server.uri()), server.login) as there:
            client = there._client  # noqa: SLF001 - so it is where a signal comes
            opened = client.open(str(data), "rb")
            channel = client.get_channel()
            assert channel is not None
            channel.lock.acquire()
            raise KeyboardInterrupt
        del opened

    fetching = Thread(target=interrupted, daemon=True)
    fetching.start()
    fetching.join(HANG)
    assert not fetching.is_alive()


@pytest.mark.parametrize(("more", "later"), [(0, 5), (1, 0)], ids=["at the same size", "at the same time"])
def test_a_file_overwritten_on_the_server_while_it_is_read_is_not_taken(
    server: Server, inbox: Path, more: int, later: int
) -> None:
    put(server.directory, "20260102T030405", size=MIB)
    data = server.directory / "Kontaktregister-20260102T030405.gz.enc"

    def overwrite(done: int, total: int | None) -> None:
        if done == total:
            then = data.stat().st_mtime + later
            data.write_bytes(bytes(MIB + more))
            os.utime(data, (then, then))

    fails(NetworkError, "changed while it was fetched", server=server, inbox=inbox, progress=overwrite)
    assert visible(inbox) == []
