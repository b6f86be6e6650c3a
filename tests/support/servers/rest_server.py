"""A register and its issuer of tokens over TLS on loopback, which judge each request, and fail as they are told."""

from __future__ import annotations

import datetime
import json
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from servers.serving import in_background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jwt.types import Options

DATE = "Fri, 27 Feb 2026 11:22:25 GMT"
CLIENT = "f00d-client"
KID = "key-1"


@dataclass(frozen=True)
class Keys:
    """A key with a certificate of its own, as files.

    Attributes:
        private: the key.
        certificate: self-signed, for 127.0.0.1.
    """

    private: Path
    certificate: Path

    @property
    def public(self) -> rsa.RSAPublicKey:
        """The public key."""
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_key()
        assert isinstance(found, rsa.RSAPublicKey)
        return found


def make_keys(directory: Path, name: str) -> Keys:
    """Make a key and a self-signed certificate."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    made = Keys(directory / f"{name}-private.pem", directory / f"{name}.pem")
    made.private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.private.chmod(0o600)
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    return made


@dataclass
class Register:
    """What is served, and what was asked.

    Attributes:
        client: whose assertions are accepted.
        pages: the last change of each page, by the number asked from.
        latest: the register's last change.
        failures: what the next requests for changes get instead; ``None`` gets its page.
        token_failures: the same for requests for tokens.
        scope: what is granted; by default what is asked for.
        url: of both services.
        asked: the numbers asked from.
        headers: of the assertions.
        claims: of the assertions.
    """

    client: Keys
    pages: dict[int, int]
    latest: int
    failures: list[Callable[[BaseHTTPRequestHandler], None] | None] = field(default_factory=list)
    token_failures: list[Callable[[BaseHTTPRequestHandler], None] | None] = field(default_factory=list)
    scope: str | None = None
    url: str = ""
    asked: list[int] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)

    @property
    def token(self) -> str:
        """The token that is accepted: the last one given."""
        return f"token-{len(self.claims)}"

    def page(self, known: int) -> dict[str, object]:
        """The page after a number."""
        return {
            "list": [{"personidentifikator": "46828100000", "status": "AKTIV", "reservasjon": "NEI"}],
            "fraEndringsId": known,
            "tilEndringsId": self.pages.get(known, known),
            "sisteEndringsId": self.latest,
        }


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, register: Register, *arguments: Any) -> None:  # noqa: ANN401 - the library's
        self._register = register
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        register = self._register
        is_token = self.path == "/token"
        failures = register.token_failures if is_token else register.failures
        if not is_token:
            register.asked.append(json.loads(body)["fraEndringsId"])
        failure = failures.pop(0) if failures else None
        if failure is not None:
            failure(self)
        elif is_token:
            self._grant(body)
        elif self.path != "/rest/v2/krr/hentEndringer" or self.headers["Authorization"] != f"Bearer {register.token}":
            send(401)(self)
        else:
            send(200, json.dumps(register.page(register.asked[-1])).encode())(self)

    def _grant(self, body: bytes) -> None:
        register = self._register
        form = parse_qs(body.decode(), strict_parsing=True)
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        (assertion,) = form["assertion"]
        required: Options = {"require": ["aud", "iss", "iat", "exp", "jti"]}
        claims = jwt.decode(
            assertion, register.client.public, ["RS256"], audience=register.url, issuer=CLIENT, options=required
        )
        register.headers.append(jwt.get_unverified_header(assertion))
        register.claims.append(claims)
        scope = register.scope if register.scope is not None else claims["scope"]
        answer = {"access_token": register.token, "token_type": "Bearer", "expires_in": 120, "scope": scope}
        send(200, json.dumps(answer).encode())(self)

    def date_time_string(self, _timestamp: float | None = None) -> str:
        return DATE

    def log_message(self, *_arguments: object) -> None:
        pass


def send(
    status: int, body: bytes = b"{}", *, length: int | None = None, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer; ``length`` is what its header says, if not the truth."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    """An answer without an end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 4096)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """No answer: the line is cut."""
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        pass


@contextmanager
def served(register: Register, server_keys: Keys) -> Iterator[Register]:
    """Serve a register over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_keys.certificate, server_keys.private)
    server = _Server(("127.0.0.1", 0), partial(_Handler, register))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with in_background(server) as port:
        register.url = f"https://127.0.0.1:{port}/"
        yield register
