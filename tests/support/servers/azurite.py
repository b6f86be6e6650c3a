"""Azure's blob storage on this machine: Azurite, Microsoft's own stand-in for it, from a package of npm."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import command
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Its one account and that's key, which its manual publishes."""
_INSTALLED = Path(sys.prefix)
_MAIN = "node_modules/azurite/dist/src/blob/main.js"
_VERSION = "2021-08-06"


@dataclass(frozen=True)
class Azurite:
    """A server that runs."""

    endpoint: str

    @property
    def variables(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {
            "AZURE_STORAGE_ENDPOINT": f"{self.endpoint}/{ACCOUNT}",
            "AZURE_ALLOW_HTTP": "true",
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        }

    def make_container(self, name: str) -> str:
        """Make a container; return its URI."""
        date = email.utils.formatdate(usegmt=True)
        headers = f"x-ms-date:{date}\nx-ms-version:{_VERSION}"
        signed = "PUT" + "\n" * 12 + f"{headers}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)).decode()
        request = urllib.request.Request(  # noqa: S310 - http, on this machine
            f"{self.endpoint}/{ACCOUNT}/{name}?restype=container",
            method="PUT",
            headers={
                **dict(line.split(":", 1) for line in headers.splitlines()),
                "Authorization": f"SharedKey {ACCOUNT}:{signature}",
            },
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
            assert answer.status == 201
        return f"abfss://{name}@{ACCOUNT}.dfs.core.windows.net"


def _program() -> Path:
    """Return its script; skip if npm, which installs it, is not at hand."""
    found = sorted(_INSTALLED.glob(f"azurite-*/{_MAIN}"))
    if not found and shutil.which("npm") and shutil.which("node"):
        pytest.fail("Azurite is not in the virtual environment: `make test` installs it")
    if not found or not shutil.which("node"):
        pytest.skip("npm or node, which Azurite needs, is not at hand")
    return found[-1]


@contextmanager
def served(directory: Path) -> Iterator[Azurite]:
    """A server with its files in a directory, until the block ends."""
    program = _program()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    words = ["node", str(program), "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    words += ["--location", str(directory), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with (directory / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            command.wait_until(lambda: _listens(process, port))
            yield Azurite(f"http://127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGKILL)


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, "the server ended: see its log"
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
