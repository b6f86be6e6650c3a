"""A real OpenSSH server on loopback, a proxy that counts and cuts, and deliveries that lie on the server."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import command
import discretion
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from krr_export.input.sftp import Login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SSHD = Path("/usr/sbin/sshd")
USER = subprocess.run(["id", "-un"], capture_output=True, check=True, text=True).stdout.strip()
ORGNR = "991825827"
OTHER = "974760673"
PASSPHRASE = "very secret passphrase"  # noqa: S105 - of keys that live as long as a test
discretion.plant(PASSPHRASE.encode())

_CONFIG = """
ListenAddress 127.0.0.1:{port}
{host_keys}
AuthorizedKeysFile {home}/authorized_keys
PidFile {home}/pid
AuthenticationMethods publickey
PermitRootLogin yes
StrictModes no
UsePAM no
UseDNS no
LogLevel ERROR
Subsystem sftp internal-sftp {sftp}
{more}
"""


@dataclass(frozen=True)
class Server:
    """A running server, and how to log in to it."""

    port: int
    home: Path
    directory: Path
    login: Login
    host_keys: tuple[Path, ...]

    def uri(self, port: int | None = None, *, directory: Path | None = None, user: str = USER) -> str:
        """The URI of the directory; by way of a proxy where a port is given."""
        return f"sftp://{user}@127.0.0.1:{port or self.port}{directory or self.directory}"

    @property
    def shown(self) -> str:
        """Server and directory, without the user."""
        return f"127.0.0.1:{self.port}{self.directory}"

    def known(self, port: int) -> Login:
        """The login for a proxy's port."""
        return replace(self.login, known_hosts=know(self.home / f"known-{port}", port, self.host_keys))


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair, made by ssh-keygen."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", path], check=True)
    discretion.plant_private_key(path)
    return path


def know(file: Path, port: int, host_keys: tuple[Path, ...]) -> Path:
    """Write a file of known hosts that knows this port by these keys."""
    file.write_text("".join(f"[127.0.0.1]:{port} {key.with_suffix('.pub').read_text()}" for key in host_keys))
    return file


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def served(home: Path, *, sftp: str = "", kinds: tuple[str, ...] = ("ed25519",), more: str = "") -> Iterator[Server]:
    """A server of its own home, stopped at the end.

    Args:
        home: an empty directory.
        sftp: arguments of the SFTP server, such as ``-P open``: requests that it denies.
        kinds: of its host keys.
        more: lines of its configuration.
    """
    if not SSHD.exists():
        pytest.skip("sshd is not installed")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root's confines itself
    host_keys = tuple(make_key(home / f"host_{kind}", kind) for kind in kinds)
    identity = make_key(home / "identity")
    shutil.copy(identity.with_suffix(".pub"), home / "authorized_keys")
    (home / "ut").mkdir()
    port = free_port()
    config = home / "config"
    lines = "\n".join(f"HostKey {key}" for key in host_keys)
    config.write_text(_CONFIG.format(port=port, home=home, host_keys=lines, sftp=sftp, more=more))
    login = Login(identity, known_hosts=know(home / "known_hosts", port, host_keys), timeout=command.HANG)
    with (home / "log").open("wb") as log, subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=log) as process:
        try:
            _wait_for(port, process, home / "log")
            yield Server(port, home, home / "ut", login, host_keys)
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    def listens() -> bool:
        assert process.poll() is None, f"sshd did not start: {log.read_text()}"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    command.wait_until(listens)


def rewrite_as_pkcs8(key: Path, passphrase: str) -> None:
    """Write a private key of ssh-keygen anew as PKCS#8 in PEM."""
    private = load_ssh_private_key(key.read_bytes(), passphrase.encode() or None)
    closed = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closed))


@contextmanager
def authorized(server: Server, key: Path, options: str = "") -> Iterator[None]:
    """Let one more key log in; or, with options before it, what it stands for (sshd(8), AUTHORIZED_KEYS)."""
    file = server.home / "authorized_keys"
    before = file.read_text()
    file.write_text(before + options + key.with_suffix(".pub").read_text())
    try:
        yield
    finally:
        file.write_text(before)


@contextmanager
def agent(key: Path | None) -> Iterator[str]:
    """An SSH agent that holds a key; gives the path of its socket."""
    assert key is not None
    # Not below tmp_path: the path of a socket has at most 108 characters.
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/agent"
        with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
            try:
                command.wait_until(Path(path).exists)
                environment = {**os.environ, "SSH_AUTH_SOCK": path}
                subprocess.run(["ssh-add", "-q", key], env=environment, check=True)
                yield path
            finally:
                process.terminate()


@contextmanager
def answering(listener: socket.socket, answer: bytes) -> Iterator[None]:
    """Let the next to connect be given these bytes, and no more."""

    def serve() -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(5)


def put(
    directory: Path, stamp: str, *, size: int = 5000, parts: str = "dsk", orgnrs: tuple[str, ...] = (ORGNR,)
) -> Path:
    """Put a set into a directory, or some of its parts: bytes that the name decides. Gives the data file's path."""
    data = directory / f"Kontaktregister-{stamp}.gz.enc"
    if "d" in parts:
        data.write_bytes(_content(data.name, size))
    others = ["sig"] if "s" in parts else []
    others += [f"key.{orgnr}" for orgnr in orgnrs] if "k" in parts else []
    for kind in others:
        other = data.with_name(f"Kontaktregister-{stamp}.{kind}")
        other.write_bytes(_content(other.name, 256))
    return data


def _content(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)  # noqa: S311 - nothing secret: the same bytes for the same name


@dataclass
class Proxy:
    """What lies between client and server, and may cut the line or let it fall silent.

    Attributes:
        target: the server's port.
        port: the proxy's own.
        sent: bytes that came from the server.
        asked: messages that came from the client, counting as one what came together.
        latency: seconds that each of those is held back.
        cut_after: bytes from the server after which the line is cut.
        stall_after: bytes from the server after which nothing more is passed on.
        on_bytes: called with ``sent`` whenever it has grown.
    """

    target: int
    port: int = 0
    sent: int = 0
    asked: int = 0
    latency: float = 0.0
    cut_after: int | None = None
    stall_after: int | None = None
    on_bytes: Callable[[int], object] = lambda _sent: None
    _stop: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        while not self._stop.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for job in (self._upstream, self._downstream):
                threading.Thread(target=job, args=(client, server), daemon=True).start()

    def stop(self) -> None:
        """Let go of whoever waits."""
        self._stop.set()

    def _upstream(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(1 << 16):
                self.asked += 1
                time.sleep(self.latency)
                server.sendall(piece)
        self._hang_up(client, server)

    def _downstream(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(1 << 14):
                self.sent += len(piece)
                self.on_bytes(self.sent)
                if self.cut_after is not None and self.sent > self.cut_after:
                    break
                if self.stall_after is not None and self.sent > self.stall_after:
                    self._stop.wait(command.HANG)
                    break
                client.sendall(piece)
        self._hang_up(client, server)

    @staticmethod
    def _hang_up(*ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def between(server: Server) -> Iterator[Proxy]:
    """A proxy before the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(server.port, listener.getsockname()[1])
        thread = threading.Thread(target=proxy.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stop()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
