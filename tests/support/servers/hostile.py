"""An SFTP server that is known and hostile: it answers what it was asked in one wrong way, for as long as it is let."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import command
import paramiko
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_DATA,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_STAT,
)

from krr_export.input.sftp import Login
from servers import sshd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAMES = tuple(f"Kontaktregister-20260102T0100.{end}" for end in ("gz.enc", "sig", f"key.{sshd.ORGNR}"))


@dataclass
class Hostile:
    """What the server does.

    Attributes:
        listing: gives what follows each answer to READDIR; by default one set, and the end.
        reading: gives the answer to a READ, from its number and length.
        size: of the data file, as it is stated.
        sent: answers that it gave to READDIR and READ.
    """

    listing: Callable[[Hostile], bytes | None] | None = None
    reading: Callable[[Hostile, int], bytes | None] | None = None
    size: int = 5000
    sent: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def attributes(self, name: str) -> bytes:
        """Those of a regular file: its size, permissions and times."""
        size = self.size if name.endswith("enc") else 256
        return struct.pack(">IQIII", 0x0D, size, 0o100600, 1_700_000_000, 1_700_000_000)

    def entries(self, *names: str) -> bytes:
        """An answer with these entries."""
        packed = [struct.pack(">I", len(name)) + name.encode() + bytes(4) + self.attributes(name) for name in names]
        return struct.pack(">I", len(packed)) + b"".join(packed)


class _Answers(paramiko.SFTPServer):
    def __init__(self, channel: Any, name: Any, server: Any, *, hostile: Hostile) -> None:  # noqa: ANN401 - paramiko's
        super().__init__(channel, name, server)
        self.hostile = hostile
        self.channel = channel
        self.asked = ""

    def _process(self, kind: int, number: int, message: paramiko.Message) -> None:
        with suppress(OSError, EOFError):
            self._answer(kind, number, message)

    def _answer(self, kind: int, number: int, message: paramiko.Message) -> None:
        hostile = self.hostile
        if kind in (CMD_OPEN, CMD_OPENDIR, CMD_STAT):
            self.asked = message.get_text()
        if kind in (CMD_OPEN, CMD_OPENDIR):
            self._give(CMD_HANDLE, number, struct.pack(">I", 1) + b"h")
        elif kind == CMD_READDIR:
            hostile.sent += 1
            body = (
                hostile.listing(hostile) if hostile.listing else hostile.entries(*NAMES) if hostile.sent == 1 else None
            )
            self._give_or_end(CMD_NAME, number, body)
        elif kind == CMD_READ:
            message.get_binary()
            message.get_int64()
            hostile.sent += 1
            length = message.get_int()
            body = hostile.reading(hostile, length) if hostile.reading else bytes(length)
            self._give_or_end(CMD_DATA, number, None if body is None else struct.pack(">I", len(body)) + body)
        elif kind in (CMD_FSTAT, CMD_STAT):
            self._give(CMD_ATTRS, number, hostile.attributes(self.asked))
        else:
            self._send_status(number, paramiko.SFTP_OK)  # type: ignore[attr-defined] # not in the stubs

    def _give_or_end(self, kind: int, number: int, body: bytes | None) -> None:
        if body is None:
            self._send_status(number, paramiko.SFTP_EOF)  # type: ignore[attr-defined] # not in the stubs
        else:
            self._give(kind, number, body)

    def _give(self, kind: int, number: int, body: bytes) -> None:
        self.channel.sendall(struct.pack(">IBI", len(body) + 5, kind, number) + body)


class _Doorman(paramiko.ServerInterface):
    def check_auth_publickey(self, *_: object) -> int:
        return paramiko.AUTH_SUCCESSFUL  # type: ignore[attr-defined,no-any-return] # not in the stubs

    def get_allowed_auths(self, *_: object) -> str:
        return "publickey"

    def check_channel_request(self, *_: object) -> int:
        return paramiko.OPEN_SUCCEEDED  # type: ignore[attr-defined,no-any-return] # not in the stubs


@contextmanager
def served(home: Path, hostile: Hostile) -> Iterator[tuple[str, Login]]:
    """The server, for one connection; gives the URI and how to log in."""
    host, identity = sshd.make_key(home / "host"), sshd.make_key(home / "identity")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            with suppress(OSError, paramiko.SSHException, EOFError), listener.accept()[0] as connection:
                transport = paramiko.Transport(connection)
                transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(host)))
                transport.set_subsystem_handler("sftp", _Answers, hostile=hostile)
                transport.start_server(server=_Doorman())
                hostile.stop.wait(command.HANG)
                transport.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        login = Login(identity, known_hosts=sshd.know(home / "known", port, (host,)), timeout=command.HANG)
        try:
            yield f"sftp://me@127.0.0.1:{port}/ut", login
        finally:
            hostile.stop.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
