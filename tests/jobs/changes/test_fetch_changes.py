"""Changes are fetched page after page, each once, whatever the line and the servers do."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import command
import pytest
from servers import rest_server
from servers.rest_server import CLIENT, KID, Keys, Register, endless, hang_up, send

import krr_export
from krr_export.errors import GuardError, InputError, KrrExportError, NetworkError, OutputError, UsageError
from krr_export.input.http.directory import open_pages_directory
from krr_export.input.http.exchange import Limits
from krr_export.input.http.token import ClientOptions
from krr_export.jobs.changes.fetch_changes import SCOPES, FetchChangesOptions, fetch_changes
from krr_export.jobs.changes.pages_moment import moment_of_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

KNOWN = 100
"""The change number of the store's snapshot."""
PAGES = {100: 120, 120: 150, 150: 151}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Keys, Keys]:
    """Of the client, and of the server."""
    directory = tmp_path_factory.mktemp("keys")
    return rest_server.make_keys(directory, "client"), rest_server.make_keys(directory, "server")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose snapshot is at `KNOWN`."""
    home = tmp_path_factory.mktemp("home")
    export = home / "export.xml"
    ok("sample", export, "--records", "20", "--seed", "1")
    head, _, rest = export.read_text().partition('senesteEndringsNummer="')
    export.write_text(f'{head}senesteEndringsNummer="{KNOWN}"{rest.partition(chr(34))[2]}')
    ok("convert", export, home / "store")
    return home / "store"


@pytest.fixture
def register(keys: tuple[Keys, Keys]) -> Iterator[Register]:
    with rest_server.served(Register(keys[0], dict(PAGES), 151), keys[1]) as register:
        yield register


@pytest.fixture
def options(register: Register, keys: tuple[Keys, Keys]) -> FetchChangesOptions:
    client = ClientOptions(CLIENT, SCOPES, keys[0].private, lambda: None, kid=KID)
    pauses.clear()
    return FetchChangesOptions(
        client, register.url, register.url, keys[1].certificate, force=True, sleep=pauses.append,
        limits=Limits(command.HANG, command.HANG),
    )  # fmt: skip


pauses: list[float] = []


def ok(*arguments: str | Path) -> str:
    """Run the program, which is to succeed; return its output."""
    ran = command.call(*arguments)
    assert ran.code == 0, ran.err
    return ran.out


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))


Fail = tuple["Callable[[BaseHTTPRequestHandler], None]", type[KrrExportError], str]
ALL = [f"endringer-{first:012}-{last:012}.json" for first, last in PAGES.items()]


def test_pages_are_files_and_each_is_asked_from_the_last_known_change(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    seen: list[tuple[int, int]] = []
    result = fetch_changes(store, tmp_path / "in", options, progress=lambda *at: seen.append(at))
    assert register.asked == [100, 120, 150]
    assert names(tmp_path / "in") == ALL
    assert seen == [(120, 151), (150, 151), (151, 151)]
    assert (result.pages, result.change_number, result.moment) == (3, 151, "2026-02-27T11:22:25Z")
    assert result.command == f"krr-export apply {store} {tmp_path / 'in'} --as-of 2026-02-27T11:22:25Z"
    for path in (tmp_path / "in").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads((tmp_path / "in" / ALL[0]).read_bytes()) == register.page(100)


def test_the_assertion_is_what_maskinporten_asks_for(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    """Signature, audience and issuer are judged by PyJWT in the server."""
    fetch_changes(store, tmp_path / "in", options)
    ((header,), (claims,)) = register.headers, register.claims
    assert (header["alg"], header["kid"], "x5c" in header) == ("RS256", KID, False)
    assert claims["scope"] == " ".join(SCOPES)
    assert 0 < claims["exp"] - claims["iat"] <= 120
    assert register.asked, "one token for all pages"


def test_pages_of_a_completed_fetch_say_when_they_were_made(
    store: Path, tmp_path: Path, options: FetchChangesOptions
) -> None:
    pages = tmp_path / "in"
    fetch_changes(store, pages, options)
    assert moment_of_pages([pages]) == "2026-02-27T11:22:25Z"
    with pytest.raises(UsageError, match=r"--as-of TIME"):
        moment_of_pages([pages, pages / ALL[-1]])
    (pages / "more.json").write_bytes((pages / ALL[-1]).read_bytes())
    with pytest.raises(UsageError, match=r"--as-of TIME"):
        moment_of_pages([pages])
    (pages / "more.json").unlink()
    (pages / ALL[-1]).rename(pages / "endringer-000000000150-000000000160.json")  # as of a fetch that was cut short
    with pytest.raises(UsageError, match=r"--as-of TIME"):
        moment_of_pages([pages])
    for path in pages.glob("endringer-*"):
        path.unlink()
    with pytest.raises(InputError, match="there are no pages"):
        moment_of_pages([pages])


@pytest.mark.parametrize("left", [b"", b"151", b"151 soon\n", b"9" * 99, b"\xff", None])
def test_what_a_fetch_did_not_leave_is_asked_for(store: Path, tmp_path: Path, left: bytes | None) -> None:
    (tmp_path / ALL[-1]).write_text("{}")
    reached = tmp_path / ".fetch-changes.reached"
    reached.mkdir() if left is None else reached.write_bytes(left)
    ran = command.call("apply", store, tmp_path)
    assert (ran.code, "give --as-of TIME: when the last page was made" in ran.last) == (2, True), ran.last
    with pytest.raises(UsageError, match=r"give --as-of TIME"):
        krr_export.apply(store, tmp_path)


def test_a_certificate_says_whose_key_it_is(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions, keys: tuple[Keys, Keys]
) -> None:
    assert isinstance(options.client, ClientOptions)
    client = replace(options.client, kid=None, certificate=keys[0].certificate)
    fetch_changes(store, tmp_path / "in", replace(options, client=client))
    (header,) = register.headers
    pem = "".join(keys[0].certificate.read_text().split("\n")[1:-2])
    assert (header["x5c"], "kid" in header) == ([pem], False)
    other = replace(client, certificate=keys[1].certificate)
    with pytest.raises(InputError, match="not for the key"):
        fetch_changes(store, tmp_path / "in", replace(options, client=other))


@pytest.mark.parametrize("both", [True, False])
def test_the_key_is_named_in_one_way(
    *, both: bool, store: Path, tmp_path: Path, options: FetchChangesOptions, keys: tuple[Keys, Keys]
) -> None:
    assert isinstance(options.client, ClientOptions)
    client = replace(options.client, kid=KID if both else None, certificate=keys[0].certificate if both else None)
    with pytest.raises(UsageError, match="one of --kid and --certificate"):
        fetch_changes(store, tmp_path / "in", replace(options, client=client))


def test_fewer_scopes_carry_fewer_groups(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    register.scope = " ".join(SCOPES[:2])
    result = fetch_changes(store, tmp_path / "in", options)
    assert result.command is not None
    assert result.command.endswith(" --carried kontaktinformasjon")


PASSING = {
    "500": send(500),
    "503 with a pause": send(503, Retry_After="7"),
    "429 with a pause": send(429, Retry_After="7"),
    "503 with a pause until a moment of the server's clock": send(503, Retry_After="Fri, 27 Feb 2026 11:22:32 GMT"),
    "429": send(429),
    "429 until a moment that is none": send(429, Retry_After="Fri, 31 Feb 2026 11:22:32 GMT"),
    "no answer": hang_up,
    "cut body": send(200, b'{"list":', length=4000),
}


@pytest.mark.parametrize("what", PASSING)
def test_what_may_pass_is_tried_again(
    what: str, store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    failure, asks_for_a_pause = PASSING[what], "with a pause" in what
    register.failures = [None, failure, failure]
    fetch_changes(store, tmp_path / "in", options)
    assert names(tmp_path / "in") == ALL
    assert register.asked == [100, 120, 120, 120, 150]
    assert pauses == ([7, 7] if asks_for_a_pause else [1, 2])
    register.failures, register.pages[151], register.latest = [failure] * 6, 152, 152
    with pytest.raises(NetworkError):
        fetch_changes(store, tmp_path / "in", options)
    assert names(tmp_path / "in") == ALL


def test_a_long_pause_is_left_to_the_scheduler(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    register.failures = [send(429, Retry_After="3600")]
    with pytest.raises(NetworkError, match="a pause of 3600 s"):
        fetch_changes(store, tmp_path / "in", options)
    assert pauses == []


def test_a_refused_token_is_renewed_once(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    register.failures = [None, send(401)]
    fetch_changes(store, tmp_path / "in", options)
    assert len(register.claims) == 2
    assert len({claims["jti"] for claims in register.claims}) == 2
    register.failures, register.latest = [send(401), send(401)], 152
    with pytest.raises(NetworkError, match="refuses the token"):
        fetch_changes(store, tmp_path / "in", options)


SECRET = "46828100000"  # noqa: S105 - stands for a personal value


@pytest.mark.parametrize(
    "case",
    [
        (send(403, SECRET.encode()), NetworkError, "krr:global/hentendring.read"),
        (send(404, SECRET.encode()), NetworkError, "HTTP 404"),
        (send(302, Location=f"https://{SECRET}.example.no/"), NetworkError, "not followed"),
        (send(200, SECRET.encode()), InputError, "no page of changes"),
        (send(200, f"<html>{SECRET}".encode()), InputError, "not the JSON of a page"),
        (send(200, b'{"list":[],"fraEndringsId":100,"fraEndringsId":100}'), InputError, "a key twice"),
        (send(200, b'{"list":[{"x":"46828100000"}]}'), InputError, "fraEndringsId is missing"),
        (send(200, b""), InputError, "no page of changes"),
        (
            send(200, b'{"list":[],"fraEndringsId":99,"tilEndringsId":120,"sisteEndringsId":120}'),
            InputError,
            "not the page after change 100",
        ),
        (
            send(200, b'{"list":[],"fraEndringsId":100,"tilEndringsId":130,"sisteEndringsId":120}'),
            InputError,
            "not the page after change 100",
        ),
        (
            send(200, b'{"list":[],"fraEndringsId":100,"tilEndringsId":90,"sisteEndringsId":90}'),
            GuardError,
            "the register is at change 90",
        ),
        (
            send(200, b'{"list":[],"fraEndringsId":100,"tilEndringsId":101,"sisteEndringsId":200000001}'),
            GuardError,
            "began anew",
        ),
        (send(200, b"{}", length=1 << 40), InputError, "larger than a page can be"),
        (send(200, b'{"list":[],"fraEndringsId":100,"tilE', length=30), InputError, "not the JSON of a page"),
        (endless, InputError, "larger than a page can be"),
    ],
)
def test_what_is_no_page_ends_the_fetch_and_nothing_of_it_is_repeated(
    case: Fail, store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    answer, error, says = case
    register.failures = [answer]
    limits = replace(options.limits, size=1 << 20)
    with pytest.raises(error, match=says) as raised:
        fetch_changes(store, tmp_path / "in", replace(options, limits=limits))
    assert type(raised.value) is error
    assert SECRET not in str(raised.value)
    assert names(tmp_path / "in") == []


def test_an_answer_in_drops_ends_in_time(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" ")
            stop.wait(0.05)

    stop = threading.Event()
    register.failures = [drip] * 6
    with pytest.raises(NetworkError, match=r"did not answer within 0\.2 s, 6 times"):
        fetch_changes(store, tmp_path / "in", replace(options, limits=Limits(command.HANG, 0.2)))


def test_a_register_that_does_not_go_on_ends_the_fetch(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    del register.pages[120]
    with pytest.raises(InputError, match="does not go on from change 120, though it is at 151"):
        fetch_changes(store, tmp_path / "in", options)
    assert register.asked == [100, 120, 120]
    assert names(tmp_path / "in") == ALL[:1]


def test_what_has_arrived_is_not_asked_for_again(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    register.failures = [None, None, send(403)]
    with pytest.raises(NetworkError):
        fetch_changes(store, tmp_path / "in", options)
    assert names(tmp_path / "in") == ALL[:2]
    (tmp_path / "in" / f".{ALL[2]}.part").write_text("of a fetch that was killed")
    register.asked.clear()
    assert fetch_changes(store, tmp_path / "in", options).pages == 1
    assert register.asked == [150]
    assert names(tmp_path / "in") == ALL
    again = fetch_changes(store, tmp_path / "in", options)
    assert (again.pages, again.change_number, again.command is not None) == (0, 151, True)
    (tmp_path / "in" / ALL[1]).unlink()
    register.asked.clear()
    fetch_changes(store, tmp_path / "in", options)
    assert register.asked == [120, 150], "what lies behind a gap does not count"


def test_nothing_new_is_said(store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions) -> None:
    register.latest, register.pages = KNOWN, {}
    result = fetch_changes(store, tmp_path / "in", options)
    assert (result.pages, result.command, names(tmp_path / "in")) == (0, None, [])
    assert result.message.startswith("nothing new")


def test_the_register_is_asked_once_a_minute(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    fetch_changes(store, tmp_path / "in", options)
    result = fetch_changes(store, tmp_path / "in", replace(options, force=False))
    assert result.skipped is not None
    assert len(register.asked) == 3


@pytest.mark.parametrize("word", ["invalid_scope", f"text with {SECRET}"])
def test_a_refused_grant_is_named_if_the_word_is_known(
    word: str, store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    register.token_failures = [send(400, json.dumps({"error": word, "error_description": SECRET}).encode())]
    with pytest.raises(NetworkError, match="refuses a token") as raised:
        fetch_changes(store, tmp_path / "in", options)
    assert ("invalid_scope" in str(raised.value)) is (word == "invalid_scope")
    assert SECRET not in str(raised.value)


def test_a_token_that_is_none_is_refused(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    for body in (b'{"access_token":"a\\r\\nHost: b"}', b"", b"<html>", b"[]", b"[" * 100_000):
        register.token_failures = [send(200, body)]
        with pytest.raises(InputError, match="no token"):
            fetch_changes(store, tmp_path / "in", options)


def test_a_token_that_does_not_say_how_long_it_lives_is_used(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    answer = json.dumps({"access_token": register.token, "expires_in": "soon"}).encode()
    register.token_failures = [send(200, answer)]
    fetch_changes(store, tmp_path / "in", options)
    assert (names(tmp_path / "in"), register.claims) == (ALL, [])


def test_an_unknown_certificate_is_refused(
    store: Path, tmp_path: Path, register: Register, options: FetchChangesOptions, keys: tuple[Keys, Keys]
) -> None:
    for ca in (None, keys[0].certificate):
        with pytest.raises(NetworkError, match="not trusted"):
            fetch_changes(store, tmp_path / "in", replace(options, ca=ca))
    assert register.claims == []


@pytest.mark.parametrize(
    "url", ["http://kontaktregisteret.no", "ftp://a.no", "https://u:p@a.no", "https://a.no/?x", "a.no", "https://a:x/"]
)
def test_a_service_is_asked_with_tls_alone(url: str, store: Path, tmp_path: Path, options: FetchChangesOptions) -> None:
    with pytest.raises(UsageError, match="--url"):
        fetch_changes(store, tmp_path / "in", replace(options, url=url))


def test_one_fetch_at_a_time(store: Path, tmp_path: Path, options: FetchChangesOptions) -> None:
    with open_pages_directory(tmp_path / "in"), pytest.raises(OutputError, match="another fetch"):
        fetch_changes(store, tmp_path / "in", options)


def test_pages_do_not_go_into_a_store(store: Path, options: FetchChangesOptions) -> None:
    before = command.contents(store)
    for directory in (store, store / "pages"):
        with pytest.raises(UsageError, match=f"{directory} lies in the store {store}, which holds snapshots alone"):
            fetch_changes(store, directory, options)
    assert command.contents(store) == before


def test_without_a_snapshot_there_is_nothing_to_go_on_from(
    tmp_path: Path, register: Register, options: FetchChangesOptions
) -> None:
    with pytest.raises(InputError, match="no store"):
        fetch_changes(tmp_path / "none", tmp_path / "in", options)
    register.pages[0] = 151
    result = fetch_changes(tmp_path / "none", tmp_path / "in", replace(options, from_zero=True))
    assert result.command is not None
    assert result.command.endswith(" --from-zero")


def test_the_whole_night_gives_the_rows_of_a_full_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in in a process of its own, and the command that the last line gives."""
    monkeypatch.chdir(tmp_path)
    ok("sample", "export.xml.gz", "--records", "300", "--seed", "1")
    night = ("--change", "20%", "--pages", "all", "--pages-from", "zero", "--page-size", "40")
    ok("sample", "tomorrow.xml.gz", "--from", "export.xml.gz", *night)
    ok("convert", "export.xml.gz", "copy")
    ok("convert", "tomorrow.xml.gz", "full")
    ok("keys", "keys")
    program = [sys.executable, "-m", "krr_export"]
    serve = [*program, "stand-in", "--pages", "all", "--keys", "keys"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            who = (
                "--client-id",
                "exercise",
                "--key",
                "keys/receiver-private.pem",
                "--certificate",
                "keys/receiver.pem",
            )
            fetch = ("fetch-changes", "copy", "new", *who, "--url", url, "--maskinporten", url, "--json", "--force")
            stranger = [word.replace("keys/receiver", "keys/publisher") for word in fetch]
            assert command.call(*stranger).code == 6
            fetched = json.loads(ok(*fetch))
        finally:
            process.terminate()
        assert process.wait(command.HANG) == 143
    assert fetched["pages"] > 0
    words = shlex.split(fetched["command"])[1:]
    at = words.index("--as-of")
    del words[at : at + 2]  # the pages say it themselves
    ok(*words)
    ok("diff", "full/latest", "copy/latest", "--ignore", "beskrivelse", "--exit-code")
