"""A real PostgreSQL server on a socket of its own, and questions to it that do not go through the package."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "krr"
_OPTIONS = "-c listen_addresses= -c unix_socket_directories={home} -c fsync=off -c max_connections=30"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        home: the directory of its socket and its data.
    """

    home: Path

    def uri(self, database: str, user: str = USER) -> str:
        """The address of a database."""
        return f"postgresql://{user}@/{database}?host={self.home}"

    def database(self, name: str) -> str:
        """Make a database anew, and return its address."""
        self.ask("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
        return self.uri(name)

    def ask(self, database: str, *statements: str, user: str = USER) -> list[list[str]]:
        """Run statements by psql, one after the other, and return their rows as text."""
        psql = _program("psql")  # itself: what Debian has on PATH is a Perl script that looks for it
        assert psql is not None
        words = [psql, "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        words += [word for statement in statements for word in ("-c", statement)]
        ran = subprocess.run([*words, self.uri(database, user)], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return [line.split("\t") for line in ran.stdout.splitlines()]


def _program(name: str) -> str | None:
    """Return the path of a program of the server's, which Debian keeps out of the users' way."""
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(newest[-1]) if newest else shutil.which(name)


def _run(words: list[str | Path], home: Path) -> None:
    """Run a program of the server's, which refuses to run as root."""
    owner = pwd.getpwuid(home.stat().st_uid)
    as_owner: dict[str, object] = (
        {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    subprocess.run(words, check=True, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_owner)  # type: ignore[call-overload] # which keywords there are depends on who runs it


@contextlib.contextmanager
def serving(home: Path, options: str = "") -> Iterator[Server]:
    """Run a server whose data are in a directory."""
    if os.geteuid() == 0:
        os.chown(home, pwd.getpwnam("postgres").pw_uid, -1)
    initdb, control = _program("initdb"), _program("pg_ctl")
    assert initdb is not None
    assert control is not None
    data = home / "data"
    _run([initdb, "-D", data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"], home)
    arguments = f"{_OPTIONS.format(home=home)} {options}"
    _run([control, "-D", data, "-w", "-l", home / "log", "-o", arguments, "start"], home)
    try:
        yield Server(home)
    finally:
        _run([control, "-D", data, "-m", "immediate", "stop"], home)


@contextlib.contextmanager
def served() -> Iterator[Server]:
    """Run a server in a directory that its user may enter, or skip the test."""
    if not _program("initdb") or not _program("psql"):
        pytest.skip("PostgreSQL is not installed")
    home = Path(tempfile.mkdtemp(prefix="krr-pg-", dir="/tmp"))
    home.chmod(0o755)
    try:
        with serving(home) as running:
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)
