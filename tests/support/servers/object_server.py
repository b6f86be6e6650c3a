"""A real server of S3, and of a catalog of Iceberg, on this machine: SeaweedFS, from a package of PyPI."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import command

if TYPE_CHECKING:
    from collections.abc import Iterator

WEED = Path(sys.executable).with_name("weed")
_SERVICES = ("s3", "master", "volume", "filer")
PLANTED = "hemmelig-noekkel"
"""The key of its user: no message has it."""
_USER = "krr"
_CATALOGUER = "lake"
_ACTIONS = ["Read", "Write", "List", "Tagging"]
_ALL = ["Admin", *_ACTIONS]
"""Who may do all makes a bucket by writing into it."""
_IDENTITIES = {
    "identities": [
        {"name": "anonymous", "actions": _ALL},  # who signs nothing
        {"name": _USER, "credentials": [{"accessKey": _USER, "secretKey": PLANTED}], "actions": _ACTIONS},
        {"name": _CATALOGUER, "credentials": [{"accessKey": _CATALOGUER, "secretKey": PLANTED}], "actions": _ALL},
    ]
}
"""Arrow signs each piece of what it writes, which the server takes of nobody whom it does not know."""


@dataclass(frozen=True)
class ObjectServer:
    """A server that runs.

    Attributes:
        endpoint: of S3.
        catalog: the URI of the catalog of Iceberg, by its REST protocol.
        shell: the command of the server's administrators.
    """

    endpoint: str
    catalog: str
    shell: tuple[str, ...]

    @property
    def variables(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": _USER,
            "AWS_SECRET_ACCESS_KEY": PLANTED,
            "AWS_REGION": "us-east-1",
        }

    def make_bucket(self, name: str) -> str:
        """Make a bucket; return its URI."""
        assert self._ask("PUT", name) == 200
        return f"s3://{name}"

    def delete_bucket(self, name: str) -> None:
        """Delete a bucket, and all that is in it."""
        assert self._ask("DELETE", name) == 204

    def _ask(self, method: str, bucket: str) -> int:
        request = urllib.request.Request(f"{self.endpoint}/{bucket}", method=method)  # noqa: S310 - http, on this machine
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
            status: int = answer.status
            return status

    def make_lake(self, name: str) -> dict[str, str]:
        """Make a bucket of tables; return the properties of its catalog for a client."""
        words = f"s3tables.bucket -create -name {name} -account 000000000000\n"
        made = subprocess.run(self.shell, input=words, capture_output=True, text=True, timeout=60, check=True)
        assert "ARN:" in made.stdout
        return {
            "type": "rest",
            "uri": self.catalog,
            "warehouse": f"s3://{name}/",
            "credential": f"{_CATALOGUER}:{PLANTED}",
            "oauth2-server-uri": f"{self.catalog}/v1/oauth/tokens",
            "s3.endpoint": self.endpoint,
        }


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, below those that the system gives to clients, taken all at once."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def served(directory: Path) -> Iterator[ObjectServer]:
    """A server with its files in a directory, until the block ends."""
    *ports, catalog = _free_ports(2 * len(_SERVICES) + 1)
    of = dict(zip([f"{name}{kind}" for name in _SERVICES for kind in ("", ".grpc")], ports, strict=True))
    options = [f"-{name}.port{kind}={of[f'{name}{kind}']}" for name in _SERVICES for kind in ("", ".grpc")]
    words = [str(WEED), "server", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", *options]
    words += ["-volume.max=50", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
    words += [f"-s3.port.iceberg={catalog}", "-s3.port.lance=0"]  # else ports that two servers would fight for
    (directory / "identities.json").write_text(json.dumps(_IDENTITIES))
    words.append(f"-s3.config={directory / 'identities.json'}")
    home = {**os.environ, "HOME": str(directory)}
    with (directory / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log, env=home) as process:
        try:
            endpoint = f"http://127.0.0.1:{of['s3']}"
            command.wait_until(lambda: _answers(process, endpoint))
            master, filer = (
                f"-{name}=127.0.0.1:{ports[at]}.{ports[at + 1]}" for name, at in (("master", 2), ("filer", 6))
            )
            yield ObjectServer(endpoint, f"http://127.0.0.1:{catalog}", (str(WEED), "shell", master, filer))
        finally:
            process.send_signal(signal.SIGKILL)  # its own end takes half a minute


def _answers(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    """Whether it takes objects, which it does some time after it takes buckets."""
    assert process.poll() is None, "the server ended: see its log"
    with suppress(OSError):
        for place in ("answers", "answers/object"):
            request = urllib.request.Request(f"{endpoint}/{place}", b"1", method="PUT")  # noqa: S310 - http, on this machine
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - the same
                pass
        return True
    return False
