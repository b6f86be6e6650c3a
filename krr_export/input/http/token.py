"""A token of Maskinporten: granted for a signed assertion of the client (RFC 7523), and kept in memory only."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from krr_export.errors import InputError, NetworkError, UsageError
from krr_export.input.delivery.keys import load_certificate, load_private_key
from krr_export.input.http.exchange import Request
from krr_export.util.fields import Converted, Options, Passphrase, Secret, StrPath, optional_path, passphrase_of
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from krr_export.input.http.address import ServiceAddress
    from krr_export.input.http.retrying import Transport

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE_SECONDS = 120
"""Of an assertion: the longest life that Maskinporten allows."""
_KNOWN_ERRORS = {
    "invalid_grant": "is the key the registered one, and this machine's clock right?",
    "invalid_client": "check --client-id",
    "unauthorized_client": "check --client-id",
    "invalid_scope": "has your organisation been granted these scopes, and the client been given them?",
    "invalid_request": "check --maskinporten and --client-id",
}
"""Errors of OAuth 2.0 (RFC 6749, 5.2), and what to do; other words of a server's are not repeated."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""RFC 6750, 2.1."""
_EARLY_SECONDS = 10
"""A token is replaced this long before it expires."""
_DEFAULT_LIFE_SECONDS = 60
_OK, _REFUSALS = 200, range(400, 500)
_MAX_LIFE_SECONDS = 3600


@dataclass(frozen=True)
class Client:
    """The client that requests tokens.

    Attributes:
        name: the client's id, ``iss`` of the assertion.
        key: that signs the assertion.
        header: of the assertion, which identifies the key, without the algorithm.
        scopes: that are asked for.
    """

    name: str
    key: RSAPrivateKey
    header: dict[str, Any]
    scopes: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class ClientOptions(Options):
    """The client, as the options describe it.

    Attributes:
        name: the client's id.
        scopes: to ask for; empty for those that changes, contact data and mailboxes need.
        key: the file of the private key.
        passphrase: of the key.
        kid: the id of the key, if it is registered with Maskinporten.
        certificate: the file of the organisation's certificate, if that says whose key it is.
    """

    name: str
    scopes: tuple[str, ...]
    key: Converted[StrPath, Path] = Converted(local_path)
    passphrase: Converted[Secret, Passphrase] = Converted(passphrase_of)
    kid: str | None = None
    certificate: Converted[StrPath | None, Path | None] = Converted(optional_path, None)


def load_client(options: ClientOptions) -> Client:
    """Return the client, with the key read from its file.

    Raises:
        InputError: a file cannot be used, or the certificate is for another key.
        UsageError: there must be ``kid`` or ``certificate``, and not both.
    """
    certificate = options.certificate
    if (options.kid is None) == (certificate is None):
        raise UsageError(
            "give one of --kid and --certificate", "the key's id at Maskinporten, or your organisation's certificate"
        )
    private = load_private_key(options.key, options.passphrase)
    if certificate is None:
        return Client(options.name, private, {"kid": options.kid}, options.scopes)
    loaded = load_certificate(certificate)
    if loaded.public_key() != private.public_key():
        raise InputError(
            f"the certificate {certificate.name} is not for the key in {options.key.name}",
            "give the two that belong together",
        )
    chain = [base64.b64encode(loaded.public_bytes(Encoding.DER)).decode()]
    return Client(options.name, private, {"x5c": chain}, options.scopes)


def sign_assertion(client: Client, audience: str, now: int) -> str:
    """Return an assertion as a signed JWT (RFC 7519; RS256).

    Args:
        client: the issuer of the assertion.
        audience: the issuer's URL.
        now: seconds since 1970.
    """
    claims = {
        "aud": audience,
        "iss": client.name,
        "scope": " ".join(client.scopes),
        "iat": now,
        "exp": now + LIFE_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    signed = b".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "RS256", **client.header}, claims))
    return b".".join([signed, _encode(client.key.sign(signed, PKCS1v15(), SHA256()))]).decode()


def _encode(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


class TokenSource:
    """Gets tokens, each used as long as it is valid.

    Args:
        client: the owner of the tokens.
        issuer: where Maskinporten is.
        transport: how requests are made.

    Attributes:
        scopes: what was granted last; before, what is asked for.
    """

    def __init__(self, client: Client, issuer: ServiceAddress, transport: Transport) -> None:
        self._client, self._issuer, self._transport = client, issuer, transport
        self._token, self._until = "", 0.0
        self.scopes = client.scopes

    def get(self) -> str:
        """Return a valid token.

        Raises:
            InputError: the answer is no token.
            NetworkError: there is no answer, or a refusal.
        """
        if not self._token or time.monotonic() >= self._until:
            self._renew()
        return self._token

    def drop(self) -> None:
        """Forget the token: it was refused."""
        self._token = ""

    def _renew(self) -> None:
        asked = time.monotonic()
        assertion = sign_assertion(self._client, self._issuer.url, int(time.time()))
        form = urlencode({"grant_type": GRANT_TYPE, "assertion": assertion}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = self._transport.post(self._issuer, Request("token", form, headers))
        document = _document(answer.body)
        if answer.status in _REFUSALS:
            raise self._refusal(answer.status, document)
        token, life, scope = document.get("access_token"), document.get("expires_in"), document.get("scope")
        if answer.status != _OK or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise InputError(f"the answer of {self._issuer.server} is no token", "check --maskinporten")
        if not isinstance(life, int) or isinstance(life, bool):
            life = _DEFAULT_LIFE_SECONDS
        self._token, self._until = token, asked + min(max(life, 0), _MAX_LIFE_SECONDS) - _EARLY_SECONDS
        if isinstance(scope, str):
            self.scopes = tuple(one for one in self._client.scopes if one in scope.split())

    def _refusal(self, status: int, document: dict[str, Any]) -> NetworkError:
        code = document.get("error")
        known = code if isinstance(code, str) and code in _KNOWN_ERRORS else ""
        what = f"HTTP {status}, {known}" if known else f"HTTP {status}"
        hint = _KNOWN_ERRORS.get(known, "check --maskinporten, --client-id and the key")
        return NetworkError(f"{self._issuer.server} refuses a token ({what})", hint)


def _document(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; empty if it is not one."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
