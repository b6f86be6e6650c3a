"""A server that is known and hostile takes neither time, nor memory, nor the disk, nor a weak cipher from a fetch."""

from __future__ import annotations

import itertools
import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from servers import hostile, sshd
from servers.hostile import Hostile

from krr_export.errors import KrrExportError, NetworkError, OutputError
from krr_export.input.sftp import fetch
from krr_export.input.sftp import reading as client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def refused(tmp_path: Path, served: Hostile, *said: str, kind: type[KrrExportError]) -> Path:
    """Fetch from the server, and hold what is said of it. Gives the inbox."""
    inbox = tmp_path / "inbox"
    with hostile.served(tmp_path, served) as (uri, login), pytest.raises(kind) as caught:
        fetch(uri, inbox, login=login)
    assert [part for part in said if part not in str(caught.value)] == [], str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in inbox.iterdir() if path.name.startswith("Kontakt")] == []
    return inbox


def test_what_the_hostile_server_says_without_malice_is_fetched(tmp_path: Path) -> None:
    with hostile.served(tmp_path, Hostile(size=70_000)) as (uri, login):
        fetch(uri, tmp_path / "inbox", login=login)
    assert (tmp_path / "inbox" / hostile.NAMES[0]).read_bytes() == bytes(70_000)


def test_a_listing_without_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_ENTRIES", 1000)
    endless = Hostile(listing=lambda server: server.entries(*(f"{server.sent}-{number}" for number in range(99))))
    refused(tmp_path, endless, "lists more than deliveries can be", "check the directory", kind=NetworkError)
    assert endless.sent == 11


@pytest.mark.parametrize("answer", [
    struct.pack(">I", 0), struct.pack(">I", 0xFFFF_FFFF), struct.pack(">I", 240_000),
    struct.pack(">III", 1, 0, 0) + struct.pack(">II", 0x8000_0000, 0xFFFF_FFFF), bytes(1 << 18),
], ids=["no entries", "4 thousand millions", "240 thousand", "attributes without end", "too large"])  # fmt: skip
def test_an_answer_that_claims_more_than_it_holds_is_nonsense_at_once(tmp_path: Path, answer: bytes) -> None:
    served = Hostile(listing=lambda _: answer)
    refused(tmp_path, served, "cannot list 127.0.0.1", kind=NetworkError)
    assert served.sent == 1


@pytest.mark.parametrize(("listing", "reading", "said"), [
    (lambda server: server.entries("x"), None, "cannot list"),
    (None, lambda _server, _length: b"x", "cannot read Kontaktregister-20260102T0100.sig"),
])  # fmt: skip
def test_who_sends_a_byte_now_and_then_is_too_slow(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listing: Callable[[Hostile], bytes] | None,
    reading: Callable[[Hostile, int], bytes] | None,
    said: str,
) -> None:
    # A clock on which whatever arrives has taken five seconds, however quick this machine is.
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=itertools.count(step=5).__next__))
    served = Hostile(listing=listing, reading=reading)
    refused(tmp_path, served, "too slow", said, "run again", kind=NetworkError)
    assert served.sent > 2, "it was never silent"


def test_a_size_that_has_no_room_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    served = Hostile(size=1 << 62)
    inbox = refused(tmp_path, served, "has 4 611 686 018.4 GB", "has room for", "free some", kind=OutputError)
    assert [path.name for path in inbox.iterdir()] == [".fetch.lock"]
    assert served.sent == 2, "nothing was read"


@pytest.mark.parametrize("weak", [
    "Ciphers aes256-cbc", "Ciphers 3des-cbc", "MACs hmac-sha1,hmac-md5,hmac-sha1-96\nCiphers aes128-ctr",
    "KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa",
])  # fmt: skip
def test_a_server_that_knows_weak_algorithms_only_is_not_talked_to(tmp_path: Path, weak: str) -> None:
    home = tmp_path / "server"
    home.mkdir()
    with sshd.served(home, kinds=("rsa",), more=weak) as server, pytest.raises(NetworkError) as caught:
        fetch(server.uri(), tmp_path / "inbox", login=server.login)
    assert "both safe and known here; ask the publisher" in str(caught.value)
