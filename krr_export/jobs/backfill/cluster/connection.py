"""The connection to a Dask cluster: its address, its certificates, and the proof that its versions are ours."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
import time
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from krr_export.errors import NetworkError, UsageError
from krr_export.jobs.backfill.cluster.configuration import refuse_wrong_values, unread
from krr_export.jobs.backfill.cluster.on_worker import PACKAGES, Site
from krr_export.util.threads import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from distributed import Security

Answer = TypeVar("Answer")

_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):[0-9]{1,5}")
_SECONDS_TO_CONNECT = 20
_SECONDS_TO_ANSWER = 60
"""Before it is given up: if somebody takes a connection and says nothing, Dask listens for ever."""
_SECONDS_OF_SILENCE = 10
"""Workers are heard of every second or two."""
_SECONDS_TO_CLOSE = 10
_SAME = "install the same versions on all machines, the scheduler's too"
_TLS = "give a CA, a certificate and its key in Dask's configuration, distributed.comm.tls"


@dataclass(frozen=True)
class Connection:
    """A connection to a cluster whose versions are ours.

    Attributes:
        client: of Dask's.
        lost_workers: the error of a task whose workers were lost, each time that it was run.
    """

    client: Any
    lost_workers: type[Exception]

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """Return what the scheduler or the workers answer.

        Args:
            question: a call that waits for them.

        Raises:
            NetworkError: none of them answers, or one does not.
        """
        try:
            return within(_SECONDS_TO_ANSWER, question)
        except TimeoutError:
            hint = "end it or start it anew, and run again"
            raise NetworkError(f"{self._silent()} of the cluster does not answer", hint) from None

    def _silent(self) -> str:
        """Name the machine that is silent, as far as can be told."""
        try:
            workers = within(_SECONDS_TO_CLOSE, lambda: self.client.scheduler_info(n_workers=-1))["workers"]
        except OSError:  # a `TimeoutError` is one
            return "the scheduler"
        quiet = {address for address, said in workers.items() if said["last_seen"] < time.time() - _SECONDS_OF_SILENCE}
        return f"the worker {min(quiet)}" if quiet else "a worker"


@contextmanager
def connect(address: str) -> Iterator[Connection]:
    """Connect to a cluster, and prove that it is one that this run may use.

    Args:
        address: of the scheduler, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.

    Raises:
        UsageError: the address is none; it is without TLS, and not all of the cluster is on this machine; versions
            differ; the certificates or Dask's configuration cannot be read; the package is missing.
        NetworkError: nothing answers, or there are no workers.
    """
    host = _host(address)
    library = _library()
    with _quiet(), _client(library, address) as client:
        connection = Connection(client, library.KilledWorker)
        if host is not None:
            _check_loopback(connection.ask(lambda: client.scheduler_info(n_workers=-1)))
        _check_versions(connection.ask(lambda: client.get_versions(packages=PACKAGES)))
        yield connection


def _host(address: str) -> str | None:
    """Return the host if the connection is without TLS; ``None`` if it is with it."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise UsageError("--cluster is no address of a scheduler", "give tcp://HOST:PORT or tls://HOST:PORT")
    if found[1] == "tls":
        return None
    if not _is_loopback(found[2].strip("[]")):
        raise _beyond_loopback(address)
    return found[2]


def _is_loopback(host: str) -> bool:
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)


def _beyond_loopback(address: str) -> UsageError:
    return UsageError(
        f"{address} is not on this machine's loopback, and tcp:// sends keys and lets anybody run programs there",
        "start scheduler and workers with TLS, and give tls://HOST:PORT; or all with --host 127.0.0.1",
    )


def _library() -> ModuleType:
    try:
        import distributed  # noqa: PLC0415 - an optional package
    except ImportError:
        raise UsageError("the package distributed is missing", "pip install 'krr-export[dask]'") from None
    except Exception:  # it reads its configuration when it is loaded, whose text may hold passwords
        raise unread() from None
    return distributed


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Dask say nothing here: what matters of it is said in our words."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    levels = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)


@contextmanager
def _client(library: ModuleType, address: str) -> Iterator[Any]:
    security = _security(library, address)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ: those that matter are compared
            options = {"timeout": _SECONDS_TO_CONNECT, "set_as_default": False, "name": "krr-export"}
            client = within(_SECONDS_TO_ANSWER, lambda: library.Client(address, security=security, **options))
    except ImportError:  # of a program that is to be loaded first
        raise unread() from None
    except Exception:  # what is no scheduler may say anything, as that it sends more than there is room for
        refuse_wrong_values()
        what = "does not answer" if address.startswith("tcp:") else "does not answer, or not with TLS of the same CA"
        raise NetworkError(f"the scheduler {address} {what}", "start it, or correct the address") from None
    try:
        client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
        yield client
    except TimeoutError:
        raise NetworkError(f"the scheduler {address} has no workers", "start some: dask worker") from None
    finally:
        with suppress(OSError):
            client.close(timeout=_SECONDS_TO_CLOSE)


def _security(library: ModuleType, address: str) -> Security:
    is_plain = address.startswith("tcp:")
    try:
        security: Security = library.Security() if is_plain else library.Security(require_encryption=True)
    except (ValueError, TypeError):  # of versions of TLS
        raise unread() from None
    if is_plain:
        return security
    files = security.get_tls_config_for_role("client")
    if not (files["ca_file"] and files["cert"]):
        raise UsageError("--cluster tls:// needs certificates", _TLS)
    try:
        security.get_connection_args("client")
    except OSError:  # errors of OpenSSL are such
        raise UsageError("the certificates for --cluster cannot be read, or do not fit", _TLS) from None
    return security


def _check_loopback(found: dict[str, Any]) -> None:
    for address in (found["address"], *found["workers"]):
        if not _is_loopback(address.rpartition("://")[2].rpartition(":")[0].strip("[]")):
            raise _beyond_loopback(address)


def _check_versions(found: dict[str, Any]) -> None:
    """Compare versions as Dask tells them, before it is asked to run anything of ours."""
    ours = Site(found["client"]["packages"], "", "")
    for name, other in {"the scheduler": found["scheduler"], **_named(found["workers"])}.items():
        difference = _only_relevant(ours).difference(_only_relevant(Site(other["packages"], "", "")))
        if difference is not None:
            raise UsageError(f"{name} {difference}", _SAME)


def _named(workers: dict[str, Any]) -> dict[str, Any]:
    return {f"the worker {address}": found for address, found in workers.items() if isinstance(found, dict)}


def _only_relevant(site: Site) -> Site:
    python = str(site.versions.get("python", "")).replace(".final.0", "")
    return replace(site, versions={"Python": python} | {name: site.versions.get(name) or "" for name in PACKAGES})
