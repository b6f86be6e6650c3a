"""The stand-in for the register's services on a real socket, in a thread; and who asks it."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from krr_export.changes.soap import protocol, transport
from krr_export.changes.soap.signing import Signer
from krr_export.input.delivery.keys import fingerprint, load_certificate, load_private_key
from krr_export.input.http.exchange import trusted
from krr_export.synthetic.services.stand_in import open_stand_in
from servers.serving import in_background

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.changes.soap.messages import Message
    from krr_export.synthetic.services.served_register import ServedRegister

PERSONS_PATH, PROVIDERS_PATH = "ws-v5", "ws-postkasseleverandoer-v1"


@contextmanager
def served(register: ServedRegister, keys: Path) -> Iterator[str]:
    """The stand-in, with the keys that ``krr-export keys`` has made; its URL."""
    with open_stand_in(register, keys, "exercise") as server, in_background(server) as port:
        yield f"http://127.0.0.1:{port}/"


def signer(keys: Path, name: str = "receiver") -> Signer:
    """A party by its name in the directory of keys."""
    private = load_private_key(keys / f"{name}-private.pem", lambda: None)
    return Signer(private, load_certificate(keys / f"{name}.pem"))


@functools.cache
def _trusting_system() -> ssl.SSLContext:
    """Return what the package makes for each run, once: reading the system's authorities takes 20 ms."""
    return trusted(None)


def ask(url: str, keys: Path, message: Message) -> protocol.Opened:
    """Sign a request, send it to its service, and open the answer."""
    path = PERSONS_PATH if "oppslagstjeneste" in str(message.tag) else PROVIDERS_PATH
    request = protocol.sign_request(message, signer(keys))
    answer = transport.post(transport.parse_url("URL", url + path), request.document, _trusting_system())
    publisher = fingerprint(signer(keys, "publisher").key.public_key())
    return protocol.open_answer(answer, {publisher}, lambda: signer(keys).key, request_signature=request.signature)
