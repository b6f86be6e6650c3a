"""The stand-in grants tokens and gives pages as Maskinporten and the register do, and refuses what they refuse."""

from __future__ import annotations

import http.client
import json
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from servers.serving import in_background

from krr_export.errors import InputError, OutputError
from krr_export.input.delivery.keys import load_private_key
from krr_export.input.http.rest_document import PageDocument
from krr_export.input.http.token import GRANT_TYPE
from krr_export.synthetic.sealing import make_keys
from krr_export.synthetic.services import stand_in
from krr_export.synthetic.services.stand_in import ChangeLog, open_stand_in, read_change_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANGES = "/rest/v2/krr/hentEndringer"
LOG = ChangeLog([PageDocument(20, 30, 30, [{"reservasjon": "JA"}]), PageDocument(10, 20, 30, [{"reservasjon": "NEI"}])])
Reply = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    make_keys(directory, orgnr="991825827", bits=2048)
    return directory


@pytest.fixture(scope="module")
def port(keys: Path) -> Iterator[int]:
    with open_stand_in(LOG, keys, "exercise") as server, in_background(server) as port:
        yield port


def post(port: int, path: str, body: bytes, **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def assertion(keys: Path, port: int, name: str = "receiver", algorithm: str = "RS256", **claims: object) -> str:
    now = int(time.time())
    usual = {"aud": f"http://127.0.0.1:{port}/", "iss": "exercise", "scope": "krr:x", "iat": now, "exp": now + 60}
    key = (keys / f"{name}-private.pem").read_text()
    return jwt.encode({**usual, "jti": str(time.monotonic_ns()), **claims}, key, algorithm)


def ask_token(port: int, *assertions: str, grant: str = GRANT_TYPE) -> Reply:
    fields = [("grant_type", grant), *(("assertion", one) for one in assertions)]
    return post(port, "/token", urlencode(fields).encode())


def ask_changes(port: int, token: str, body: object) -> Reply:
    return post(port, CHANGES, json.dumps(body).encode(), Authorization=f"Bearer {token}")


@pytest.fixture
def token(keys: Path, port: int) -> str:
    status, granted = ask_token(port, assertion(keys, port))
    assert (status, granted["token_type"], granted["scope"]) == (200, "Bearer", "krr:x")
    return str(granted["access_token"])


def test_pages_follow_each_other_up_to_the_last_change(port: int, token: str) -> None:
    numbers = ("fraEndringsId", "tilEndringsId", "sisteEndringsId")
    for known, said, page in (
        (10, "NEI", (10, 20, 30)),
        (15, "NEI", (15, 20, 30)),
        (20, "JA", (20, 30, 30)),
        (30, None, (30, 30, 30)),
        (40, None, (40, 30, 30)),
    ):
        status, found = ask_changes(port, token, {"fraEndringsId": known})
        assert (status, *(found[name] for name in numbers)) == (200, *page)
        assert found["list"] == ([] if said is None else [{"reservasjon": said}])


@pytest.mark.parametrize("body", [{}, [], "x", {"fraEndringsId": -1}, {"fraEndringsId": "10"}])
def test_a_request_that_names_no_change_is_refused(port: int, token: str, body: object) -> None:
    assert ask_changes(port, token, body) == (400, {"error": "bad_request"})


def test_changes_are_given_for_a_token_alone_and_only_where_there_are_pages(port: int, token: str) -> None:
    assert post(port, CHANGES, b"{", Authorization=f"Bearer {token}") == (400, {"error": "bad_request"})
    assert ask_changes(port, token, {"fraEndringsId": 9}) == (404, {"error": "not_found"})
    assert ask_changes(port, f"{token}x", {"fraEndringsId": 10}) == (401, {"error": "unauthorized"})
    assert post(port, "/rest/v2/krr/personer", b"{}") == (404, {"error": "not_found"})


def test_a_token_ends(keys: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "_TOKEN_SECONDS", -1)
    _, granted = ask_token(port, assertion(keys, port))
    assert ask_changes(port, granted["access_token"], {"fraEndringsId": 10}) == (401, {"error": "unauthorized"})


def test_an_assertion_is_good_for_one_token(keys: Path, port: int) -> None:
    once = assertion(keys, port)
    assert ask_token(port, once)[0] == 200
    assert ask_token(port, once) == (400, {"error": "invalid_grant"})


def test_a_request_for_a_token_that_is_none_is_refused(keys: Path, port: int) -> None:
    good = assertion(keys, port)
    for refused in (ask_token(port, good, grant="password"), ask_token(port), ask_token(port, good, good)):
        assert refused == (400, {"error": "invalid_request"})
    assert ask_token(port, good)[0] == 200


NOW = int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        {"name": "publisher"},
        {"algorithm": "RS512"},
        {"aud": "https://maskinporten.no/"},
        {"iss": "stranger"},
        {"iat": "now"},
        {"exp": None},
        {"jti": 7},
        {"iat": NOW - 3600, "exp": NOW - 3500},
        {"exp": NOW + 3600},
    ],
)
def test_an_assertion_that_proves_nothing_gets_no_token(keys: Path, port: int, claims: dict[str, Any]) -> None:
    assert ask_token(port, assertion(keys, port, **claims)) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("text", ["x", "a.b", "a.b.c", "é.b.c"])
def test_what_is_no_assertion_gets_no_token(port: int, text: str) -> None:
    assert ask_token(port, text) == (400, {"error": "invalid_grant"})


def test_an_assertion_signed_over_another_algorithm_gets_no_token(keys: Path, port: int) -> None:
    """The signature holds, but its header names an algorithm that Maskinporten does not take."""
    signed = assertion(keys, port, algorithm="RS384").rpartition(".")[0]
    key = load_private_key(keys / "receiver-private.pem", lambda: None)
    signature = urlsafe_b64encode(key.sign(signed.encode(), PKCS1v15(), SHA256())).rstrip(b"=").decode()
    assert ask_token(port, f"{signed}.{signature}") == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("length", ["1048577", "-1", "x"])
def test_a_request_without_a_length_that_can_be_is_not_read(port: int, length: str) -> None:
    assert post(port, "/token", b"", **{"Content-Length": length}) == (413, {"error": "bad_request"})


def test_pages_are_read_from_directories_that_have_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no pages of REST in"):
        read_change_log([tmp_path])
    (tmp_path / "endringer-1-2.json").mkdir()
    with pytest.raises(InputError, match=r"endringer-1-2\.json cannot be read"):
        read_change_log([tmp_path])


def test_a_port_that_is_taken_is_said_to_be(keys: Path, port: int) -> None:
    with (
        pytest.raises(OutputError, match=f"cannot listen at 127.0.0.1:{port}: .* --port"),
        open_stand_in(LOG, keys, "exercise", port),
    ):
        pytest.fail("two servers at one port")
