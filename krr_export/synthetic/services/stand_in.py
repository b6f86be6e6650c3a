"""A stand-in for Maskinporten and the register's services, on loopback: a token, pages, and the closed SOAP service."""

from __future__ import annotations

import base64
import json
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from krr_export.changes.soap.signing import Signer
from krr_export.domain.rest_service import NUMBER_FIELDS
from krr_export.errors import InputError, OutputError
from krr_export.input.delivery.keys import fingerprint, load_certificate, load_private_key, load_recipient
from krr_export.input.http.rest_document import PERSONS, decode, read_page
from krr_export.input.http.rest_service import CHANGES_PATH
from krr_export.input.http.token import GRANT_TYPE, LIFE_SECONDS
from krr_export.synthetic.services.served_register import ServedRegister
from krr_export.synthetic.services.soap_service import SERVICES, Reply, SoapService

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from krr_export.input.http.rest_document import PageDocument

_HOST = "127.0.0.1"
_MAX_REQUEST_BYTES = 1 << 20
"""A request of SOAP for a thousand persons has some 70 000."""
_CLOCK_SECONDS = 10
"""By so much the clocks of Maskinporten and of its clients may differ."""
_TOKEN_SECONDS = 120


class _RefusedError(Exception):
    """A request that is refused.

    Args:
        status: of HTTP.
        error: the word for it.
    """

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class ChangeLog:
    """A register's changes, as pages of its REST service.

    Args:
        pages: the pages; they may overlap.
    """

    def __init__(self, pages: Iterable[PageDocument]) -> None:
        self._pages = sorted(pages, key=lambda page: (page.last, page.first))
        self.latest = max((page.last for page in self._pages), default=0)
        """The last change."""

    def page_from(self, known: int) -> dict[str, Any] | None:
        """Return the page that follows a change number; ``None`` if the changes after it are not here."""
        last, persons = max(known, self.latest), []
        if known < self.latest:
            found = next((page for page in self._pages if page.first <= known < page.last), None)
            if found is None:
                return None
            last, persons = found.last, found.persons
        numbers = (known, min(last, self.latest), self.latest)
        return {PERSONS: persons, **dict(zip(NUMBER_FIELDS, numbers, strict=True))}


def read_change_log(directories: Iterable[Path]) -> ChangeLog:
    """Read the pages of REST in directories, as ``sample --pages`` writes them.

    Raises:
        InputError: there are none, or a file cannot be read or is no page.
    """
    pages = []
    for directory in directories:
        found = sorted(directory.glob("endringer-*.json"))
        if not found:
            raise InputError(f"there are no pages of REST in {directory}", "make some: krr-export sample --pages")
        for path in found:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise InputError(f"{path} cannot be read", error.strerror) from None
            pages += [read_page(path.name, document) for document, _ in decode(path.name, content)]
    return ChangeLog(pages)


@dataclass
class StandIn:
    """What the stand-in knows.

    Attributes:
        log: the register's changes.
        client: the id of who may ask.
        key: whose assertions are accepted.
        soap: the closed service; ``None`` where there are only pages.
        url: of all services, with a slash at the end.
        tokens: what was given out, with the time of each one's end.
        assertions: the ids of those that were used: each is good for one token.
    """

    log: ChangeLog | ServedRegister
    client: str
    key: RSAPublicKey
    soap: SoapService | None = None
    url: str = ""
    tokens: dict[str, float] = field(default_factory=dict)
    assertions: set[str] = field(default_factory=set)

    def token(self, form: bytes) -> dict[str, Any]:
        """Answer a request for a token."""
        fields = parse_qs(form.decode("ascii", "replace"))
        if fields.get("grant_type") != [GRANT_TYPE] or len(fields.get("assertion", [])) != 1:
            raise _RefusedError(400, "invalid_request")
        claims = self._claims(fields["assertion"][0])
        now, issued, ends = time.time(), claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(ends, int) or not isinstance(claims.get("jti"), str):
            raise _RefusedError(400, "invalid_grant")
        in_time = abs(now - issued) <= _CLOCK_SECONDS and now < ends <= issued + LIFE_SECONDS
        ours = claims.get("aud") == self.url and claims.get("iss") == self.client
        if not in_time or not ours or claims["jti"] in self.assertions:
            raise _RefusedError(400, "invalid_grant")
        self.assertions.add(claims["jti"])
        token = secrets.token_urlsafe(32)
        self.tokens[token] = now + _TOKEN_SECONDS
        scope = str(claims.get("scope"))
        return {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS, "scope": scope}

    def changes(self, authorization: str, body: bytes) -> dict[str, Any]:
        """Answer a request for changes."""
        if self.tokens.get(authorization.removeprefix("Bearer "), 0.0) < time.time():
            raise _RefusedError(401, "unauthorized")
        known = _object(body).get("fraEndringsId")
        if not isinstance(known, int) or known < 0:
            raise _RefusedError(400, "bad_request")
        page = self.log.page_from(known)
        if page is None:
            raise _RefusedError(404, "not_found")
        return page

    def _claims(self, assertion: str) -> dict[str, Any]:
        parts = assertion.encode().split(b".")
        try:
            header, claims, signature = (base64.b64decode(part + b"==", b"-_", validate=False) for part in parts)
            self.key.verify(signature, b".".join(parts[:2]), PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            raise _RefusedError(400, "invalid_grant") from None
        if _object(header).get("alg") != "RS256":
            raise _RefusedError(400, "invalid_grant")
        return _object(claims)


def _object(content: bytes) -> dict[str, Any]:
    """Return an object of JSON; empty if it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing: a client went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def __init__(self, stand_in: StandIn, *arguments: Any) -> None:  # noqa: ANN401 - the library's
        self._stand_in = stand_in
        super().__init__(*arguments)

    def do_POST(self) -> None:
        """Answer a request."""
        try:
            reply = self._respond(self._body())
        except _RefusedError as error:
            reply = _json(error.status, {"error": error.error})
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)

    def _respond(self, body: bytes) -> Reply:
        if self.path == "/token":
            return _json(200, self._stand_in.token(body))
        if self.path == f"/{CHANGES_PATH}":
            return _json(200, self._stand_in.changes(self.headers.get("Authorization", ""), body))
        if self._stand_in.soap is not None and self.path in SERVICES:
            return self._stand_in.soap.reply(self.path, body)
        raise _RefusedError(404, "not_found")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_REQUEST_BYTES:
            self.close_connection = True
            raise _RefusedError(413, "bad_request")
        return self.rfile.read(int(length))

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: standard error is the command's."""


def _json(status: int, document: dict[str, Any]) -> Reply:
    return Reply(status, "application/json", json.dumps(document, ensure_ascii=False).encode())


@contextmanager
def open_stand_in(
    log: ChangeLog | ServedRegister, keys: Path, client: str, port: int = 0
) -> Iterator[ThreadingHTTPServer]:
    """Open a server on the loopback interface; its ``serve_forever`` answers.

    Args:
        log: the register's changes as pages; or a register, which the closed SOAP service is served of too.
        keys: a directory with keys as `make_keys` makes them: the receiver may ask, and the publisher is the register.
        client: the id of who may ask.
        port: to listen at; 0: any free one.

    Raises:
        InputError: a key or a certificate is unusable.
        OutputError: the port is taken.
    """
    key = load_recipient(keys / "receiver.pem")
    stand_in = StandIn(log, client, key)
    if isinstance(log, ServedRegister):
        signer = Signer(
            load_private_key(keys / "publisher-private.pem", lambda: None), load_certificate(keys / "publisher.pem")
        )
        stand_in.soap = SoapService(log, signer, fingerprint(key))
    try:
        server = _Server((_HOST, port), partial(_Handler, stand_in))
    except OSError as error:
        raise OutputError(f"cannot listen at {_HOST}:{port}: {error.strerror}", "choose another --port") from None
    stand_in.url = f"http://{_HOST}:{server.server_port}/"
    with server:
        yield server
