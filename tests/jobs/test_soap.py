"""The commands of the closed SOAP service, and what they make of answers, faults, keys and servers."""

from __future__ import annotations

import ssl
import stat
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
import soap_parties
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from servers import rest_server
from servers.serving import in_background

from krr_export.changes.soap import messages, protocol, transport
from krr_export.changes.soap.encryption import Recipient
from krr_export.changes.soap.envelope import make_fault
from krr_export.changes.soap.names import SOAP_11
from krr_export.changes.soap.signing import Signer
from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.keys import fingerprint, load_certificate, load_private_key
from krr_export.input.http.exchange import trusted
from krr_export.synthetic.sealing import make_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import command

    Krr = Callable[..., command.Ran]
    Reply = Callable[[bytes], tuple[int, bytes]]

AS_OF = ("--as-of", "2026-02-26T12:22:25+01:00")
NUMBER = soap_parties.persons(1)[0][0].text or ""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with the keys of client and register, and an answer to the client."""
    for name in ("client", "register"):
        party = soap_parties.party(name)
        key = party.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}-private.pem").write_bytes(key)
        (tmp_path / f"{name}-private.pem").chmod(0o600)
        (tmp_path / f"{name}.pem").write_bytes(party.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "answer.xml").write_bytes(soap_parties.answer())
    return tmp_path


def opening(files: Path, *more: str | Path, key: str = "client") -> tuple[str | Path, ...]:
    keys = ("--private-key", files / f"{key}-private.pem", "--publisher-cert", files / "register.pem")
    return ("soap", "open", files / "answer.xml", *keys, *more)


def test_open_writes_the_message_to_standard_output_or_a_file_for_its_owner(krr: Krr, files: Path) -> None:
    ran = krr(*opening(files, *AS_OF))
    assert (ran.code, ran.last) == (0, "verified HentEndringerRespons: signed and encrypted, 3 persons")
    assert ran.out.startswith("<HentEndringerRespons ")
    assert NUMBER in ran.out
    assert NUMBER not in ran.err
    written = files / "page.xml"
    ran = krr(*opening(files, *AS_OF, "-o", written, "--json"))
    assert (ran.code, ran.result["message"], ran.result["persons"]) == (0, "HentEndringerRespons", 3)
    assert written.read_bytes() == soap_parties.open_answer(soap_parties.answer()).document
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_the_two_words_are_one_word_to_who_quotes_them(krr: Krr, files: Path) -> None:
    _, _, *rest = opening(files, *AS_OF)
    assert krr("soap open", *rest).code == 0
    assert krr("soap").last.startswith("soap is followed by one of open, request, call")


def test_an_archived_answer_needs_the_time_of_its_receipt(krr: Krr, files: Path) -> None:
    public = soap_parties.party("register").key.public_key()
    (files / "register.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    ran = krr(*opening(files))
    assert (ran.code, ran.out, "--as-of" in ran.last) == (3, "", True)
    assert krr(*opening(files, *AS_OF)).code == 0
    assert krr(*opening(files, "--as-of", "yesterday")).code == 2


def test_the_request_must_be_confirmed_where_it_is_given(krr: Krr, files: Path) -> None:
    made = soap_parties.request()
    (files / "request.xml").write_bytes(made.document)
    given = ("--request", files / "request.xml")
    assert "the answer to another request" in krr(*opening(files, *AS_OF, *given)).last
    (files / "answer.xml").write_bytes(soap_parties.answer(confirms=made.signature))
    assert krr(*opening(files, *AS_OF, *given)).code == 0


def test_a_message_is_not_written_into_a_store(krr: Krr, files: Path) -> None:
    (files / "answer.xml").write_bytes(soap_parties.answer())
    assert krr("sample", files / "night.xml", "--records", "20").code == 0
    assert krr("convert", files / "night.xml", files / "store").code == 0
    ran = krr(*opening(files, *AS_OF, "-o", files / "store/page.xml"))
    assert ran.code == 2
    assert "lies in the store" in ran.last
    assert not (files / "store/page.xml").exists()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "answer.xml: the document is not well-formed"),
        (b"<a/>", "answer.xml: this is no SOAP envelope"),
        (make_fault("Client", f"[U-1000] {NUMBER}", SOAP_11), "the service answered with a fault, code Client;"),
        (make_fault("Sender", NUMBER), "the service answered with a fault, code Sender;"),
        (soap_parties.answer(signer="somebody"), "signed by another than who is trusted"),
        (soap_parties.answer(recipient="somebody"), "cannot be decrypted, or is not what was signed"),
    ],
)
def test_what_cannot_be_opened_ends_in_3_and_writes_nothing(krr: Krr, files: Path, data: bytes, complaint: str) -> None:
    (files / "answer.xml").write_bytes(data)
    before = sorted(files.iterdir())
    ran = krr(*opening(files, *AS_OF, "-o", files / "page.xml"))
    assert (ran.code, ran.out, len(ran.lines)) == (3, "", 1)
    assert complaint in ran.last
    assert NUMBER not in ran.err
    assert sorted(files.iterdir()) == before


def test_an_encrypted_answer_without_a_key_says_so(krr: Krr, files: Path) -> None:
    arguments = ("soap", "open", files / "answer.xml", "--publisher-cert", files / "register.pem", *AS_OF)
    ran = krr(*arguments)
    assert (ran.code, ran.last.startswith("the answer is encrypted; give --private-key")) == (3, True)
    (files / "answer.xml").write_bytes(soap_parties.answer(recipient=None))
    assert krr(*arguments).last.endswith("signed, not encrypted, 3 persons")


def test_an_encrypted_key_takes_its_passphrase(krr: Krr, files: Path) -> None:
    key = soap_parties.party("client").key
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hemmelig"))
    (files / "client-private.pem").write_bytes(pem)
    (files / "passphrase").write_text("hemmelig\n")
    assert krr(*opening(files, *AS_OF)).code == 3
    assert krr(*opening(files, *AS_OF, "--passphrase-file", files / "passphrase")).code == 0


def test_a_signed_message_that_breaks_the_xsd_is_written_with_a_warning(krr: Krr, files: Path) -> None:
    page = messages.hent_endringer_respons(1, 2, 3, soap_parties.persons(1))
    page[0][0].text = "1234"
    (files / "answer.xml").write_bytes(soap_parties.answer(page))
    ran = krr(*opening(files, *AS_OF, "-o", files / "page.xml", "--json"))
    assert (ran.code, ran.result["faults"]) == (0, 1)
    (warning,) = ran.result["warnings"]
    assert "not valid by its XSD in 1 places, first" in warning


def test_json_and_the_message_do_not_both_go_to_standard_output(krr: Krr, files: Path) -> None:
    assert krr(*opening(files, *AS_OF, "--json")).code == 2


# Requests and calls, which are of now


@pytest.fixture
def now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with key pairs whose certificates are valid now."""
    monkeypatch.chdir(tmp_path)
    make_keys(tmp_path / "keys", orgnr="991825827", bits=2048)
    return tmp_path


def requesting(now: Path, operation: str, *more: str | Path) -> tuple[str | Path, ...]:
    keys = ("--key", now / "keys/receiver-private.pem", "--cert", now / "keys/receiver.pem")
    return ("soap", "request", operation, *keys, "-o", now / "request.xml", *more)


def party(now: Path, name: str) -> Signer:
    private = load_private_key(now / f"keys/{name}-private.pem", lambda: None)
    return Signer(private, load_certificate(now / f"keys/{name}.pem"))


def opened(now: Path) -> protocol.Opened:
    trusted = {fingerprint(party(now, "receiver").key.public_key())}
    return protocol.open_request((now / "request.xml").read_bytes(), trusted)


def test_requests_are_made_and_signed(krr: Krr, now: Path) -> None:
    (now / "persons.txt").write_text(f"{NUMBER}\n{NUMBER}\n")
    assert krr(*requesting(now, "hent-personer", "--persons", now / "persons.txt")).code == 0
    assert [child.text for child in opened(now).message][-2:] == [NUMBER, NUMBER]
    ran = krr(
        *requesting(
            now, "hent-endringer", "--from", "7", "--informasjonsbehov", "Person", "--paa-vegne-av", "123456785"
        )
    )
    assert ran.code == 0
    assert (opened(now).message.get("fraEndringsNummer"), opened(now).on_behalf_of) == ("7", "123456785")
    assert [child.text for child in opened(now).message] == ["Person"]
    assert krr(*requesting(now, "hent-print-sertifikat")).code == 0
    assert opened(now).name == "HentPrintSertifikatForespoersel"
    assert stat.S_IMODE((now / "request.xml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("hent-personer",), 2, "needs --persons"),
        (("hent-endringer",), 2, "needs --from"),
        (("hent-print-sertifikat", "--from", "1"), 2, "does not take --from"),
        (("hent-print-sertifikat", "--informasjonsbehov", "Person"), 2, "does not take --informasjonsbehov"),
        (("hent-endringer", "--from", str(2**63)), 2, "would not be valid"),
        (("hent-endringer", "--from", "1", "--paa-vegne-av", "1"), 2, "nine digits"),
        (("hent-personer", "--persons", "keys/receiver.pem"), 2, "would not be valid"),
        (("hent-personer", "--persons", "empty"), 3, "empty has 0 identity numbers"),
        (("hent-endringer", "--from", "1", "--cert", "keys/publisher.pem"), 3, "is not the key of"),
    ],
)
def test_a_request_that_would_not_do_is_not_written(
    krr: Krr, now: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    (now / "empty").touch()
    ran = krr(*requesting(now, *arguments))
    assert (ran.code, complaint in ran.last) == (code, True), ran.last
    assert not (now / "request.xml").exists()


@contextmanager
def serving(reply: Reply, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server on loopback that answers each POST so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, data = reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header(
                "Content-Length", str(len(data.removesuffix(b"CUT")) + (len(data) and data.endswith(b"CUT")))
            )
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(data.removesuffix(b"CUT"))

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with in_background(server) as port:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}/ws-v5"


def calling(now: Path, url: str) -> tuple[str | Path, ...]:
    keys = ("--private-key", now / "keys/receiver-private.pem", "--publisher-cert", now / "keys/publisher.pem")
    return ("soap", "call", url, now / "request.xml", *keys)


def test_call_sends_a_request_and_opens_the_answer(krr: Krr, now: Path) -> None:
    def reply(data: bytes) -> tuple[int, bytes]:
        (now / "request.xml").write_bytes(data)
        request = opened(now)
        page = messages.hent_endringer_respons(600, 601, 601, soap_parties.persons(2))
        to = Recipient(request.certificate)
        return 200, protocol.seal_answer(page, party(now, "publisher"), confirms=request.signature, recipient=to)

    krr(*requesting(now, "hent-endringer", "--from", "600"))
    with serving(reply) as url:
        ran = krr(*calling(now, url))
    assert (ran.code, ran.last) == (0, "verified HentEndringerRespons: signed and encrypted, 2 persons")
    assert NUMBER in ran.out


@pytest.mark.parametrize(
    ("answered", "code", "complaint"),
    [
        ((500, make_fault("Receiver", NUMBER)), 3, "a fault, code Receiver"),
        ((200, soap_parties.answer()), 3, "the answer to another request"),
        ((200, b""), 3, "not well-formed"),
        ((200, b"<html/>"), 3, "no SOAP envelope"),
        ((302, b""), 6, "HTTP status 302"),
        ((404, b""), 6, "HTTP status 404"),
        ((503, b""), 6, "HTTP status 503"),
        ((200, b"<a/>CUT"), 6, "cut"),
    ],
)
def test_what_a_server_may_answer_instead(
    krr: Krr, now: Path, answered: tuple[int, bytes], code: int, complaint: str
) -> None:
    krr(*requesting(now, "hent-endringer", "--from", "600"))
    with serving(lambda _: answered) as url:
        ran = krr(*calling(now, url))
    assert (ran.code, complaint in ran.last, ran.out) == (code, True, ""), ran.last
    assert NUMBER not in ran.err


def test_an_authority_of_ones_own_is_trusted_for_tls(krr: Krr, now: Path) -> None:
    krr(*requesting(now, "hent-endringer", "--from", "600"))
    server = rest_server.make_keys(now, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.private)
    with serving(lambda _: (500, make_fault("Receiver", NUMBER)), context) as url:
        assert "a fault, code Receiver" in krr(*calling(now, url), "--ca", server.certificate).last
        ran = krr(*calling(now, url))
        assert (ran.code, "certificate" in ran.last) == (6, True)
    ran = krr(*calling(now, url), "--ca", now / "request.xml")
    assert (ran.code, "holds no certificates" in ran.last) == (2, True)


def test_nobody_at_that_address_is_a_failure_of_the_network(krr: Krr, now: Path) -> None:
    krr(*requesting(now, "hent-endringer", "--from", "600"))
    with serving(lambda _: (200, b"")) as url:
        pass
    assert krr(*calling(now, url)).code == 6


def test_an_answer_without_end_is_cut_off() -> None:
    limits = replace(transport.LIMITS, size=100_000)
    with serving(lambda _: (200, bytes(200_000))) as url, pytest.raises(InputError, match="is larger than"):
        transport.post(transport.parse_url("URL", url), soap_parties.request().document, trusted(None), limits)


@pytest.mark.parametrize(
    "url",
    ["http://example.no/", "ftp://127.0.0.1/", "https://", "https://user:hemmelig@example.no/", "x", "", "https://[x/",
     "https://example.no:x/", "http://127.0.0.1.example.no/", "https://exåmple.no/"],
)  # fmt: skip
def test_an_address_must_be_https_or_of_this_machine(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        transport.parse_url("URL", url)
    assert "hemmelig" not in str(caught.value)
