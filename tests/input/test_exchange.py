"""A request ends in an answer, or says in the program's own words how the line failed."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import command
import pytest

from krr_export.errors import InputError, NetworkError, UsageError
from krr_export.input.http.address import ServiceAddress
from krr_export.input.http.exchange import Answer, Limits, Request, TransientError, post, trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "127.0.0.1"
PATIENT = Limits(command.HANG, command.HANG)


@contextmanager
def saying(script: Callable[[socket.socket], object]) -> Iterator[int]:
    """A server that does as a test says with its one connection, once a request has begun; its port."""
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            with suppress(OSError), listener.accept()[0] as connection:
                connection.recv(1 << 16)
                script(connection)
                connection.shutdown(socket.SHUT_WR)
                until_left(connection)  # closed with something unread, it would take back what was said

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # should nobody have come
            thread.join()


def until_left(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def ask(port: int, limits: Limits = PATIENT, host: str = HOST, *, secure: bool = False) -> Answer:
    address = ServiceAddress(secure, host, port, "/")
    return post(address, Request("x", b"body", {}), trusted(None), limits)


def answering(content: bytes) -> Callable[[socket.socket], object]:
    return lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n" + content)


def test_an_answer_has_its_length_or_ends_with_the_line() -> None:
    for head, body in (
        (b"Content-Length: 4\r\nA: b\r\n\r\n", b"some"),
        (b"A: b\r\n\r\n", b"much"),
        (b"A: b\r\n\r\n", b""),
    ):
        with saying(answering(head + body)) as port:
            answer = ask(port)
        assert (answer.status, answer.headers["a"], answer.body) == (200, "b", body)


@pytest.mark.parametrize("content", [b"Content-Length: 9\r\n\r\nsome", b"Transfer-Encoding: chunked\r\n\r\n9\r\nsome"])
def test_an_answer_that_is_cut_off_is_none(content: bytes) -> None:
    with saying(answering(content)) as port, pytest.raises(TransientError, match=f"^{HOST}:{port} cut the line$"):
        ask(port)


@pytest.mark.parametrize("head", [b"Content-Length: 2097152\r\n\r\n", b"\r\n" + bytes(1 << 20)])
def test_an_answer_that_is_too_large_is_not_read(head: bytes) -> None:
    with (
        saying(answering(head + b"x")) as port,
        pytest.raises(InputError, match=r"larger than a page can be \(1 MiB\)"),
    ):
        ask(port, Limits(command.HANG, command.HANG, 1 << 20))


def test_who_is_silent_is_not_waited_for() -> None:
    with saying(until_left) as port, pytest.raises(TransientError, match=r"did not answer within 0\.1 s"):
        ask(port, Limits(0.1, command.HANG))


def test_an_answer_that_does_not_end_in_time_is_none() -> None:
    """Nor is what has arrived: without a length, its end looks like that of an answer."""

    def begin(connection: socket.socket) -> None:
        answering(b"\r\nsome")(connection)
        until_left(connection)

    with saying(begin) as port, pytest.raises(TransientError, match=r"did not answer within 0\.2 s"):
        ask(port, Limits(command.HANG, 0.2))


def test_where_nobody_listens_or_no_way_leads_another_try_may_help() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransientError, match=f"^{HOST}:{port} refuses connections$"):
        ask(port)
    with pytest.raises(TransientError, match=r"^255\.255\.255\.255:9 cannot be reached$"):
        ask(9, host="255.255.255.255")


def test_who_takes_no_connection_is_not_waited_for() -> None:
    with socket.create_server((HOST, 0), backlog=0) as listener, ExitStack() as waiting:
        for _ in range(3):  # as many as wait to be taken, and more
            other = waiting.enter_context(socket.socket())
            other.settimeout(0)
            other.connect_ex(listener.getsockname())
        with pytest.raises(TransientError, match=r"did not answer within 0\.2 s"):
            ask(listener.getsockname()[1], Limits(0.2, command.HANG))


def test_a_host_that_cannot_be_is_said_to_be_none() -> None:
    host = f"{'a' * 64}.no"  # no label of a name is as long
    with pytest.raises(NetworkError, match=f"^there is no host {host}; check the URL"):
        ask(443, host=host)


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        (answering(b"\r\n"), NetworkError, "agrees on no TLS; check the URL: is it a server with TLS"),
        (lambda _: None, TransientError, "cut the line"),
    ],
    ids=["HTTP", "nothing"],
)
def test_who_speaks_no_tls_is_not_asked(
    script: Callable[[socket.socket], object], error: type[Exception], says: str
) -> None:
    with saying(script) as port, pytest.raises(error, match=f"^{HOST}:{port} {says}"):
        ask(port, secure=True)


def test_authorities_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(UsageError, match=r"--ca .*text\.pem holds no certificates; give certificates"):
        trusted(tmp_path / "text.pem")
    with pytest.raises(UsageError, match=r"--ca .*none\.pem cannot be read: No such file or directory; check the path"):
        trusted(tmp_path / "none.pem")
