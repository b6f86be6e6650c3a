"""Fetch the pages of the register's change feed that follow the newest snapshot of a store."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from krr_export.changes.carried import GROUPS
from krr_export.changes.soap.change_service import SoapChangeService
from krr_export.changes.soap.transport import parse_url
from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.keys import load_publisher
from krr_export.input.http.address import MASKINPORTEN, REGISTER, parse_service_address
from krr_export.input.http.directory import open_pages_directory
from krr_export.input.http.exchange import Limits, trusted
from krr_export.input.http.fetching import FetchedChanges, PageService, fetch_pages
from krr_export.input.http.rest_service import CHANGES_SCOPE, ChangeService
from krr_export.input.http.retrying import Transport
from krr_export.input.http.token import ClientOptions, TokenSource, load_client
from krr_export.jobs.soap import load_signer
from krr_export.output.store_contents import entries, missing_store
from krr_export.util.fields import Converted, Options, Passphrase, Secret, StrPath, optional_path, passphrase_of
from krr_export.util.files import output_errors
from krr_export.util.formatting import format_utc, number
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.input.http.address import ServiceAddress

POLL_SECONDS = 60
"""Between two fetches of changes: the register wants no more."""

_CARRIED = {
    "krr:global/kontaktinformasjon.read": ("kontaktinformasjon",),
    "krr:global/digitalpost.read": ("digitalpost", "sertifikat"),
}
"""The groups of fields that pages carry, by the scope that they need."""
SCOPES = (CHANGES_SCOPE, *_CARRIED)


@dataclass(frozen=True, repr=False)
class SoapClientOptions(Options):
    """Who asks a service that speaks as the closed SOAP service did.

    Attributes:
        key: the file of the private key.
        passphrase: of the key.
        certificate: the file of the certificate of that key.
        publisher_cert: the file of the certificate or the public key of who must have signed the answers.
    """

    key: Converted[StrPath, Path] = Converted(local_path)
    passphrase: Converted[Secret, Passphrase] = Converted(passphrase_of)
    certificate: Converted[StrPath, Path] = Converted(local_path)
    publisher_cert: Converted[StrPath, Path] = Converted(local_path)


@dataclass(frozen=True, repr=False)
class FetchChangesOptions(Options):
    """Options of a fetch of changes.

    Attributes:
        client: who asks for a token, or asks the SOAP service.
        url: of the register, or of the SOAP service.
        maskinporten: its issuer, which is the audience of the assertion.
        ca: a file of authorities to trust instead of the system's.
        from_zero: whether to fetch all pages from the first change on, whatever the store has.
        force: whether to ask also less than a minute after the last fetch.
        limits: of an answer.
        sleep: waits for so many seconds.
    """

    client: ClientOptions | SoapClientOptions
    url: str = REGISTER
    maskinporten: str = MASKINPORTEN
    ca: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    from_zero: bool = False
    force: bool = False
    limits: Limits = field(default_factory=Limits)
    sleep: Callable[[float], object] = time.sleep


@dataclass(frozen=True)
class ChangesResult:
    """The result of a fetch of changes.

    Attributes:
        pages: how many pages were written now.
        change_number: the register's last change, which the pages go up to; ``None`` if it was not asked.
        moment: when the register's last answer was made, ISO 8601; ``None`` if it was not asked.
        command: the command that applies the pages; ``None`` if there is nothing to apply.
        carried: the groups of fields that the pages carry; ``None``: all of them.
        skipped: why the register was not asked; ``None`` if it was.
        message: what happened, in one line for people.
    """

    pages: int
    change_number: int | None
    moment: str | None
    command: str | None
    carried: tuple[str, ...] | None
    skipped: str | None
    message: str


def fetch_changes(
    store: StrPath,
    directory: StrPath,
    options: FetchChangesOptions,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> ChangesResult:
    """Fetch the pages that follow the newest snapshot of a store into a directory, and say how to apply them.

    Whatever stops it, the next fetch goes on after the pages that have arrived.

    Args:
        store: the directory of snapshots.
        directory: for the pages; made if it is missing.
        options: the options.
        progress: called after each page with the last fetched change and the register's last one.

    Raises:
        GuardError: the store and the register are of different series of numbers, or the register is behind.
        InputError: there is no snapshot, a key is unusable, or an answer is no page.
        NetworkError: the register or Maskinporten does not answer, or refuses.
        OutputError: the directory cannot be written, or another fetch is at work there.
        UsageError: an option is wrong.
    """
    store, directory = local_path(store), local_path(directory)
    known = 0 if options.from_zero else _known(store)
    client = options.client
    source = _soap_source(client, options) if isinstance(client, SoapClientOptions) else _rest_source(client, options)
    with open_pages_directory(directory) as opened:
        seconds = opened.seconds_since_query(source.address.url)
        if not options.force and seconds is not None and seconds < POLL_SECONDS:
            return _skipped(source.address.server, seconds)
        fetched = fetch_pages(opened, source.service, known, sleep=options.sleep, progress=progress)
        opened.record_query(source.address.url, fetched.reached, _moment(fetched))
    if fetched.reached == known:
        message = f"nothing new: the register is at change {number(known)}, as the snapshot"
        return ChangesResult(0, known, _moment(fetched), None, None, None, message)
    granted = source.carried()
    carried = None if granted == GROUPS else granted
    command = ["krr-export", "apply", str(store), str(directory), "--as-of", _moment(fetched)]
    if options.from_zero:
        command.append("--from-zero")
    elif carried is not None:
        command += ["--carried", ",".join(carried)]
    count = "1 page" if fetched.pages == 1 else f"{number(fetched.pages)} pages"
    message = f"fetched {count}, up to change {number(fetched.reached)}"
    return ChangesResult(fetched.pages, fetched.reached, _moment(fetched), shlex.join(command), carried, None, message)


@dataclass(frozen=True)
class _Source:
    """Where pages come from, and which groups of fields they carry, which is known when they are here."""

    address: ServiceAddress
    service: PageService
    carried: Callable[[], tuple[str, ...]]


def _rest_source(client: ClientOptions, options: FetchChangesOptions) -> _Source:
    register = parse_service_address("--url", options.url)
    issuer = parse_service_address("--maskinporten", options.maskinporten)
    client = client if client.scopes else replace(client, scopes=SCOPES)
    if CHANGES_SCOPE not in client.scopes or not _carried(client.scopes):
        raise UsageError(
            "with these scopes there are no changes, or nothing is in them",
            f"give --scope {CHANGES_SCOPE}, and at least one of {', '.join(_CARRIED)}",
        )
    loaded = load_client(client)
    transport = Transport(trusted(options.ca), options.limits, options.sleep)
    tokens = TokenSource(loaded, issuer, transport)
    return _Source(register, ChangeService(register, tokens, transport), lambda: _carried(tokens.scopes))


def _soap_source(client: SoapClientOptions, options: FetchChangesOptions) -> _Source:
    address = parse_url("--url", options.url)
    signer = load_signer(client.key, client.certificate, client.passphrase)
    publisher = load_publisher(client.publisher_cert).fingerprint
    using = Transport(trusted(options.ca), options.limits, options.sleep)
    return _Source(address, SoapChangeService(address, signer, publisher, using), lambda: GROUPS)


def _known(store: Path) -> int:
    """Return the change number of the newest snapshot."""
    if not store.is_dir():
        raise missing_store(store)
    with output_errors(f"list the store {store}"):
        newest = next((entry for entry in entries(store) if entry.published), None)
    if newest is None:
        raise InputError(
            f"there is no snapshot in {store} to fetch changes for",
            "convert a full export first; or fetch all pages with --from-zero",
        )
    if newest.manifest is None:
        raise InputError(f"the manifest of {newest.path} is unusable", "see what krr-export verify says of it")
    return newest.manifest.header.seneste_endringsnummer


def _carried(scopes: tuple[str, ...]) -> tuple[str, ...]:
    found = {group for scope in scopes for group in _CARRIED.get(scope, ())}
    return tuple(group for group in GROUPS if group in found)


def _skipped(server: str, seconds: float) -> ChangesResult:
    reason = f"asked {int(seconds)} s ago"
    message = f"{server} was {reason}, and may be again after a minute; --force asks now"
    return ChangesResult(0, None, None, None, None, reason, message)


def _moment(fetched: FetchedChanges) -> str:
    return format_utc(fetched.moment, "seconds")
