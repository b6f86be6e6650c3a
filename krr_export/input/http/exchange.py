"""One request over HTTP and its answer: the certificate checked, no redirect followed, size and time bounded."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import InputError, NetworkError, UsageError
from krr_export.input.http.rest_document import MAX_BYTES
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from krr_export.input.http.address import ServiceAddress

_PIECE = 1 << 16


class TransientError(Exception):
    """A request failed in a way that may pass: the connection was cut, or nobody answered.

    Args:
        what: what happened, for people.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Limits:
    """Limits of an answer.

    Attributes:
        silence: seconds that the server may be silent.
        whole: seconds that a request and its answer may take.
        size: bytes of an answer.
    """

    silence: float = 30.0
    whole: float = 300.0
    size: int = MAX_BYTES


@dataclass(frozen=True)
class Request:
    """A request by POST.

    Attributes:
        path: below the service's base.
        body: what is posted.
        headers: by their names.
    """

    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        status: of HTTP.
        headers: by their names in lower case.
        body: the whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def trusted(ca: Path | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the authorities in a file, or by default the system's.

    Raises:
        UsageError: the file cannot be read, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise UsageError(f"--ca {ca} holds no certificates", "give certificates of authorities, as PEM") from None
    except OSError as error:
        raise UsageError(f"--ca {ca} cannot be read: {error.strerror}", "check the path") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def post(address: ServiceAddress, request: Request, context: ssl.SSLContext, limits: Limits) -> Answer:
    """Send a request and return the answer, whatever its status.

    Args:
        address: the service.
        request: what is asked.
        context: whom to trust.
        limits: of the answer.

    Raises:
        InputError: the answer is larger than allowed.
        NetworkError: there is no such host, or its certificate is not trusted.
        TransientError: the server cannot be reached, does not answer in time, or the answer is cut off.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=limits.silence)
    with contextlib.closing(connection), contextlib.closing(_connect(address, context, limits)) as opened:
        connection.sock = opened
        with _hang_up_after(limits.whole, opened) as has_hung_up:
            try:
                _shake_hands(opened, address)
                fields = {"User-Agent": f"krr-export/{__version__}", "Accept-Encoding": "identity", **request.headers}
                connection.request("POST", f"{address.path}{request.path}", request.body, fields)
                with connection.getresponse() as response:
                    answer = _read_answer(response, address, limits)
            except TimeoutError:
                raise _no_answer(address, limits.silence) from None
            except (http.client.HTTPException, OSError):
                raise _no_answer(address, limits.whole) if has_hung_up.is_set() else _cut(address) from None
        if has_hung_up.is_set():  # the end of the body may be missing
            raise _no_answer(address, limits.whole)
    return answer


def _connect(address: ServiceAddress, context: ssl.SSLContext, limits: Limits) -> socket.socket:
    try:
        plain = socket.create_connection((address.host, address.port), limits.silence)
    except (socket.gaierror, UnicodeError):
        raise NetworkError(f"there is no host {address.host}", "check the URL, and the machine's DNS") from None
    except TimeoutError:
        raise _no_answer(address, limits.silence) from None
    except ConnectionRefusedError:
        raise TransientError(f"{address.server} refuses connections") from None
    except OSError:
        raise TransientError(f"{address.server} cannot be reached") from None
    if not address.secure:
        return plain
    return context.wrap_socket(plain, server_hostname=address.host, do_handshake_on_connect=False)


def _shake_hands(opened: socket.socket, address: ServiceAddress) -> None:
    if not isinstance(opened, ssl.SSLSocket):
        return
    try:
        opened.do_handshake()
    except ssl.SSLCertVerificationError:
        raise NetworkError(
            f"the certificate of {address.server} is not trusted: it is another's, has expired, or its authority is"
            " unknown",
            "check the URL and this machine's clock; give an authority of your own with --ca FILE",
        ) from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        raise _cut(address) from None
    except ssl.SSLError:
        raise NetworkError(f"{address.server} agrees on no TLS", "check the URL: is it a server with TLS?") from None


def _read_answer(response: http.client.HTTPResponse, address: ServiceAddress, limits: Limits) -> Answer:
    length = response.length
    if length is not None and length > limits.size:
        raise _too_large(address, limits)
    pieces, size = [], 0
    while (length is None or size < length) and (piece := response.read1(_PIECE)):
        pieces.append(piece)
        size += len(piece)
        if size > limits.size:
            raise _too_large(address, limits)
    if length is not None and size < length:
        raise _cut(address)
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, b"".join(pieces))


def _cut(address: ServiceAddress) -> TransientError:
    return TransientError(f"{address.server} cut the line")


def _no_answer(address: ServiceAddress, seconds: float) -> TransientError:
    return TransientError(f"{address.server} did not answer within {seconds:g} s")


def _too_large(address: ServiceAddress, limits: Limits) -> InputError:
    return InputError(
        f"the answer of {address.server} is larger than a page can be ({limits.size >> 20} MiB)", "ask the register"
    )


@contextlib.contextmanager
def _hang_up_after(seconds: float, opened: socket.socket) -> Iterator[threading.Event]:
    """Shut the connection down after this time: otherwise a byte now and then would keep it open for ever."""
    over = threading.Event()

    def hang_up() -> None:
        over.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(opened, socket.SHUT_RDWR)  # past TLS, which another thread is using

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
