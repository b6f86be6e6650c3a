"""Keys and passphrases from options, environment and terminal."""

from __future__ import annotations

import os
import sys
import termios
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.config import PASSPHRASE
from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.opening import DeliveryOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.cli.console import Console
    from krr_export.input.sftp import Login
    from krr_export.jobs.soap import AnswerKeys

_MAX_PASSPHRASE_BYTES = 4096


def pop_delivery(console: Console, options: dict[str, Any]) -> DeliveryOptions:
    """Remove the delivery's options from a command's, and return them."""
    passphrase_file: Path | None = options.pop("passphrase_file")
    chosen = DeliveryOptions(
        private_key=options.pop("private_key"),
        passphrase=passphrase_source(passphrase_file),
        publisher_cert=options.pop("publisher_cert"),
        signature=options.pop("signature"),
        orgnr=options.pop("orgnr"),
    )
    console.warn_if_readable_by_all("--private-key", chosen.private_key)
    console.warn_if_readable_by_all("--passphrase-file", passphrase_file)
    if chosen.signature == "none":
        console.warn(
            "--signature none: whoever wrote a delivery is believed to be its publisher. Use it for tests alone"
        )
    return chosen


def pop_answer_keys(console: Console, options: dict[str, Any], as_of: str | None) -> AnswerKeys:
    """Remove the keys of an answer from a command's options, and return them."""
    from krr_export.jobs.soap import AnswerKeys  # noqa: PLC0415 - lxml is loaded once there is work for it

    passphrase_file: Path | None = options.pop("passphrase_file")
    private_key: Path | None = options.pop("private_key")
    console.warn_if_readable_by_all("--private-key", private_key)
    console.warn_if_readable_by_all("--passphrase-file", passphrase_file)
    return AnswerKeys(options.pop("publisher_cert"), private_key, passphrase_source(passphrase_file), as_of)


def passphrase_source(file: Path | None) -> Callable[[], bytes | None]:
    """Return a function that gets the passphrase when it is needed: from the file, the environment, or the terminal."""

    def ask() -> bytes | None:
        if file is not None:
            return read_passphrase_file(file, "--passphrase-file")
        if (from_environment := os.environb.get(PASSPHRASE.encode())) is not None:
            return from_environment
        return _prompt() if sys.stdin is not None and sys.stdin.isatty() else None

    return ask


def _prompt() -> bytes:
    try:
        return str(
            click.prompt("Passphrase of the private key", hide_input=True, err=True, default="", show_default=False)
        ).encode()
    except (OSError, termios.error):
        raise InputError(
            "the terminal went away while the passphrase was asked for", "give --passphrase-file"
        ) from None
    except UnicodeError:
        raise InputError("the passphrase is not text in the terminal's encoding", "give --passphrase-file") from None


def pop_login(console: Console, options: dict[str, Any]) -> Login:
    """Remove the `login_options` except ``force`` from a command's options, and return the login."""
    from krr_export.input.sftp import Login  # noqa: PLC0415 - paramiko is loaded once there is work for it

    identity: Path | None = options.pop("identity")
    file: Path | None = options.pop("identity_passphrase_file")
    console.warn_if_readable_by_all("--identity", identity)
    console.warn_if_readable_by_all("--identity-passphrase-file", file)
    return Login(
        identity=identity,
        passphrase=lambda: read_passphrase_file(file, "--identity-passphrase-file") if file is not None else None,
        known_hosts=options.pop("known_hosts"),
    )


def read_passphrase_file(file: Path, option: str) -> bytes:
    """Read a passphrase: the first line of the file that an option names.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.readline(_MAX_PASSPHRASE_BYTES).rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"{file.name} cannot be read: {error.strerror}", f"check {option}") from None
