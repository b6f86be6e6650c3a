"""Changes are fetched from a service that speaks as the closed one did, and come to what the register itself holds."""

from __future__ import annotations

import shlex
import shutil
import stat
from functools import partial
from typing import TYPE_CHECKING

import command
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import stand_in_server
from servers.stand_in_server import PERSONS_PATH, ask

from krr_export.changes.soap import messages, protocol
from krr_export.changes.soap.envelope import SoapFaultError, make_fault
from krr_export.changes.soap.names import SERVICE_16_02
from krr_export.errors import GuardError, InputError
from krr_export.jobs.changes.fetch_changes import FetchChangesOptions, SoapClientOptions, fetch_changes
from krr_export.schema.registry import load_schema
from krr_export.synthetic import NightOptions
from krr_export.synthetic.persons import DRAWN, PROVIDERS
from krr_export.synthetic.sealing import make_keys
from krr_export.synthetic.services.served_register import ServedRegister, load_register
from krr_export.synthetic.services.soap_service import Reply, SoapService
from krr_export.synthetic.tree import Builder
from krr_export.synthetic.writer import root_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from krr_export.synthetic.persons import Person

PAGE = 7


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with keys, an export of 60 persons, and a store that has it."""
    directory = tmp_path_factory.mktemp("made")
    make_keys(directory / "keys", orgnr="991825827", bits=2048)
    ok("sample", directory / "export.xml", "--records", "60", "--seed", "3")
    ok("convert", directory / "export.xml", directory / "store")
    return directory


@pytest.fixture
def register(made: Path) -> ServedRegister:
    """A register after a night."""
    return load_register(made / "export.xml", NightOptions(0.5), page_size=PAGE)


@pytest.fixture
def url(register: ServedRegister, made: Path) -> Iterator[str]:
    with stand_in_server.served(register, made / "keys") as url:
        yield url + PERSONS_PATH


def ok(*arguments: str | Path) -> command.Ran:
    ran = command.call(*arguments)
    assert ran.code == 0, ran.err
    return ran


def options(made: Path, url: str, publisher: str = "publisher") -> FetchChangesOptions:
    keys = made / "keys"
    client = SoapClientOptions(
        str(keys / "receiver-private.pem"), None, str(keys / "receiver.pem"), str(keys / f"{publisher}.pem")
    )
    return FetchChangesOptions(client, url, force=True, sleep=lambda _: None)


def everybody(register: ServedRegister) -> list[Person]:
    persons: list[Person] = []
    known = 0
    while known < register.latest:
        page, known, _ = register.changes_after(known)
        persons += page
    return persons


def export(register: ServedRegister, path: Path) -> None:
    """Write the register's own full export."""
    builder = Builder(load_schema("14-05"), "default", DRAWN, indent=True, comments=False)
    columns = {field.name for field in builder.schema.fields}
    records = [
        builder.write(builder.record(person.keys() & columns, person.__getitem__)) for person in everybody(register)
    ]
    head = builder.head(root_attributes(register.now, register.latest))
    path.write_text("".join([head, *records, builder.tail()]))


ADDRESSES = {PROVIDERS[0].organisation: "rask.elv#1234", PROVIDERS[1].organisation: "0012345678"}
CALLS = st.lists(
    st.tuples(st.sampled_from(messages.OPERATIONS), st.integers(0, 59), st.sampled_from([*ADDRESSES])), max_size=25
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(calls=CALLS, share=st.sampled_from([0.0, 0.5]), size=st.sampled_from([1, 5, 1000]), from_zero=st.booleans())
def test_what_is_fetched_and_applied_is_what_the_register_exports(  # noqa: PLR0913 - what is drawn, and where
    made: Path,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    calls: list[tuple[messages.Operation, int, str]],
    share: float,
    size: int,
    from_zero: bool,
) -> None:
    home = tmp_path_factory.mktemp("home")
    register = load_register(made / "export.xml", NightOptions(share), page_size=size)
    before, changes = register.latest, 0
    identifiers = sorted(person["personidentifikator"] for person in everybody(register))
    with stand_in_server.served(register, made / "keys") as url:
        for operation, place, provider in calls:
            takes = {"provider": provider} if operation != "KanVelgeSikkerDigitalPostkasse" else {}
            if operation.startswith("Op"):
                takes["address"] = ADDRESSES[provider]
            request = messages.mailbox_request(operation, identifiers[place], **takes)  # type: ignore[arg-type]  # no certificate
            changes += ask(url, made / "keys", request).message[0].text == "OK"
        assert register.latest == before + changes
        store = home / "copy"
        if not from_zero:
            shutil.copytree(made / "store", store, symlinks=True)
        ok("fetch-changes", store, home / "pages", "--soap", "--url", url + PERSONS_PATH, *who(made), "--force",
           *["--from-zero"] * from_zero)  # fmt: skip
    export(register, home / "own.xml")
    ok("convert", home / "own.xml", home / "full")
    if share or changes or from_zero:
        ok("apply", store, home / "pages", "--as-of", "2026-02-27T12:22:25+01:00", *["--from-zero"] * from_zero)
    ok("diff", home / "full/latest", store / "latest", "--ignore", "beskrivelse", "--exit-code")
    shutil.rmtree(home)


def who(made: Path, publisher: str = "publisher") -> tuple[str | Path, ...]:
    keys = made / "keys"
    return (
        *("--key", keys / "receiver-private.pem", "--certificate", keys / "receiver.pem"),
        *("--publisher-cert", keys / f"{publisher}.pem"),
    )


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))


def test_a_fetch_that_was_stopped_goes_on_where_it_stopped(
    made: Path, tmp_path: Path, url: str, register: ServedRegister
) -> None:
    def stop(reached: int, _latest: int) -> None:
        seen.append(reached)
        if len(seen) == 2:
            raise KeyboardInterrupt

    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        fetch_changes(made / "store", tmp_path / "in", options(made, url), progress=stop)
    first = names(tmp_path / "in")
    assert len(first) == 2
    result = fetch_changes(made / "store", tmp_path / "in", options(made, url))
    every = names(tmp_path / "in")
    assert every[:2] == first
    assert (result.pages, result.change_number) == (len(every) - 2, register.latest)
    reached = [tuple(map(int, name.removesuffix(".xml").split("-")[1:])) for name in every]
    assert [start for start, _ in reached[1:]] == [end + 1 for _, end in reached[:-1]]
    for path in (tmp_path / "in").glob("*.xml"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().startswith(b"<HentEndringerRespons ")
    again = fetch_changes(made / "store", tmp_path / "in", options(made, url))
    assert (again.pages, again.carried) == (0, None)
    copy = tmp_path / "copy"
    shutil.copytree(made / "store", copy, symlinks=True)
    assert result.command is not None
    program, apply, store, *rest = shlex.split(result.command)
    assert (program, apply, store) == ("krr-export", "apply", str(made / "store"))
    ok(apply, copy, *rest)
    assert "nothing new" in fetch_changes(copy, tmp_path / "in", options(made, url)).message


def test_a_register_that_is_behind_is_not_the_snapshots(
    made: Path, tmp_path: Path, url: str, register: ServedRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register._register, "change_number", 10)  # noqa: SLF001 - no register goes back
    monkeypatch.setattr(register._register, "last_changes", {})  # noqa: SLF001 - as above
    with pytest.raises(GuardError, match="is it the same register"):
        fetch_changes(made / "store", tmp_path / "in", options(made, url))


def test_who_is_not_trusted_or_does_not_trust_gets_nothing(made: Path, tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="signed by another than who is trusted"):
        fetch_changes(made / "store", tmp_path / "in", options(made, url, "receiver"))
    fetch = ("fetch-changes", made / "store", tmp_path / "in", "--soap", "--url", url)
    stranger = [str(word).replace("keys/receiver", "keys/publisher") for word in who(made)]
    ran = command.call(*fetch, *stranger)
    assert (ran.code, "a fault, code InvalidSecurity" in ran.last) == (3, True)
    assert names(tmp_path / "in") == []


def test_an_answer_to_something_else_is_no_page(
    made: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is right in its signature, and so the service's own."""
    good = messages.hent_endringer_respons

    def answer_with(change: Callable[[messages.Message], object]) -> None:
        def wrong(first: int, last: int, newest: int, persons: Iterable[messages.Message]) -> messages.Message:
            page = good(first, last, newest, persons)
            change(page)
            return page

        monkeypatch.setattr(messages, "hent_endringer_respons", wrong)

    changes: list[tuple[Callable[[messages.Message], object], str]] = [
        (lambda page: page.set("fraEndringsNummer", "1"), "is not the page from change"),
        (lambda page: page.set("tilEndringsNummer", "9" * 18), "is not the page from change"),
        (lambda page: page.attrib.pop("tilEndringsNummer"), "tilEndringsNummer is missing"),
        (lambda page: setattr(page, "tag", f"{{{SERVICE_16_02}}}HentPersonerRespons"), "no page of changes"),
    ]
    for change, complaint in changes:
        answer_with(change)
        with pytest.raises(InputError, match=complaint):
            fetch_changes(made / "store", tmp_path / "in", options(made, url))
    assert names(tmp_path / "in") == []


def test_an_answer_to_another_request_is_not_taken(
    made: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever has kept one could send it again, and the changes since would be missing."""
    monkeypatch.setattr(protocol, "seal_answer", partial(_seal_for_another, protocol.seal_answer))
    with pytest.raises(InputError, match="the answer to another request"):
        fetch_changes(made / "store", tmp_path / "in", options(made, url))
    assert names(tmp_path / "in") == []


def test_a_fault_of_the_service_ends_the_fetch_at_once(
    made: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with HTTP 500, which is an answer here, and nothing to try again."""
    asked: list[str] = []

    def fail(_service: SoapService, path: str, _envelope: bytes) -> Reply:
        asked.append(path)
        return Reply(500, "application/soap+xml", make_fault("Receiver", "[U-1000]"))

    monkeypatch.setattr(SoapService, "reply", fail)
    with pytest.raises(SoapFaultError, match="code Receiver"):
        fetch_changes(made / "store", tmp_path / "in", options(made, url))
    assert len(asked) == 1


def _seal_for_another(seal: Callable[..., bytes], *arguments: object, **named: object) -> bytes:
    return seal(*arguments, **(named | {"confirms": b"another"}))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--soap", "--key", "k"), "--certificate is needed with --soap"),
        (("--soap", "WHO"), "--url is needed with --soap"),
        (("--soap", "WHO", "--url", "http://example.no/"), "without TLS"),
        (("--soap", "WHO", "--url", "http://127.0.0.1/", "--kid", "1"), "--kid does not go with --soap"),
        (("--soap", "WHO", "--url", "http://127.0.0.1/", "--client-id", "1"), "--client-id does not go with --soap"),
        (("WHO", "--client-id", "1"), "--publisher-cert does not go without --soap"),
        (("WHO",), "--client-id is needed without --soap"),
    ],
)
def test_options_of_the_two_services_are_told_apart(
    made: Path, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    words = [word for one in arguments for word in (who(made) if one == "WHO" else (one,))]
    ran = command.call("fetch-changes", made / "store", tmp_path / "in", *words)
    assert (ran.code, complaint in ran.last) == (2, True), ran.last
