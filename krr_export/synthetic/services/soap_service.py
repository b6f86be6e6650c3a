"""The closed SOAP service over a made-up register: verifies, answers signed and encrypted, or with a fault."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from krr_export.changes.carried import columns_of
from krr_export.changes.soap import messages, protocol
from krr_export.changes.soap.documents import parse
from krr_export.changes.soap.encryption import Recipient
from krr_export.changes.soap.envelope import Envelope, make_fault
from krr_export.changes.soap.names import PROVIDERS_V1, SERVICE_16_02, SOAP_12
from krr_export.changes.soap.schemas import REQUEST
from krr_export.errors import InputError
from krr_export.schema.registry import load_schema
from krr_export.synthetic.persons import DRAWN
from krr_export.synthetic.register.state import NOTIFICATION, is_expired
from krr_export.synthetic.tree import Builder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from krr_export.changes.soap.protocol import Opened
    from krr_export.changes.soap.signing import Signer
    from krr_export.synthetic.persons import Person
    from krr_export.synthetic.services.served_register import ServedRegister

SERVICES = {"/ws-v5": SERVICE_16_02, "/ws-postkasseleverandoer-v1": PROVIDERS_V1}
"""The namespace of each service's messages by its path, which is as it was at the register."""

_GROUPS = {"Kontaktinfo": "kontaktinformasjon", "SikkerDigitalPost": "digitalpost", "Sertifikat": "sertifikat"}
"""Groups of columns by what is asked for; Person is always given, and VarslingsStatus is a case of its own."""
_NOTIFICATION = "VarslingsStatus"
_CERTIFICATE = f"{{{PROVIDERS_V1}}}x509Sertifikat"


class Reply(NamedTuple):
    """What is sent back: the status of HTTP, the type of the content, and the content."""

    status: int
    content_type: str
    content: bytes


class _FaultError(Exception):
    """A fault instead of an answer.

    Args:
        code: sender or VersionMismatch.
        text: why, without values.
        security: a code of WS-Security, if that is it.
    """

    def __init__(self, code: str, text: str, security: str | None = None) -> None:
        super().__init__(text)
        self.code, self.text, self.security = code, text, security


class SoapService:
    """Answers requests.

    Args:
        register: that is asked and changed.
        signer: the register's key and certificate.
        client: the fingerprint of the key of who may ask.
    """

    def __init__(self, register: ServedRegister, signer: Signer, client: str) -> None:
        self._register, self._signer, self._client = register, signer, client
        schema = load_schema("16-02")
        self._builder = Builder(schema, "ns2", DRAWN, indent=False, comments=False)
        self._groups = {need: frozenset(columns_of(group, schema)) for need, group in _GROUPS.items()}
        of_groups = frozenset().union(*self._groups.values())
        self._always = frozenset(field.name for field in schema.fields) - of_groups - {NOTIFICATION}
        self._operations: dict[str, Callable[[Opened], messages.Message]] = {
            "HentPersoner": self._persons,
            "HentEndringer": self._changes,
            "HentPrintSertifikat": self._print_certificate,
            **dict.fromkeys(messages.OPERATIONS, self._mailbox),
        }

    def reply(self, path: str, envelope: bytes) -> Reply:
        """Answer a request that was posted to one of `SERVICES`."""
        soap = SOAP_12
        try:
            soap = _parse(envelope).soap
            request = self._open(envelope, SERVICES[path], soap)
            answer = self._operations[_operation(request)](request)
        except _FaultError as fault:
            return _fault(fault, soap)
        recipient = Recipient(request.certificate)
        sealed = protocol.seal_answer(answer, self._signer, confirms=request.signature, recipient=recipient)
        return Reply(200, _content_type(soap), sealed)

    def _open(self, envelope: bytes, namespace: str, soap: str) -> Opened:
        try:
            request = protocol.verify_request(envelope, {self._client})
        except InputError as error:
            raise _FaultError("Sender", error.message, "InvalidSecurity") from None
        try:
            request.check_request()
        except InputError as error:
            raise _FaultError("Sender", error.message) from None
        if request.namespace != namespace:
            raise _FaultError("Sender", "this service does not have that operation")
        if protocol.soap_of(request.message) != soap:
            raise _FaultError("VersionMismatch", "this service speaks the other version of SOAP")
        return request

    def _persons(self, request: Opened) -> messages.Message:
        needs = _texts(request, "informasjonsbehov")
        persons = self._register.find(_texts(request, "personidentifikator"))
        return messages.hent_personer_respons(self._elements(persons, needs))

    def _changes(self, request: Opened) -> messages.Message:
        """Answer with a page; it never tells of ``varslingsstatus``, and leaves out nobody's data."""
        first = int(request.message.get("fraEndringsNummer", ""))
        changes = self._register.changes_after(max(first, 1) - 1)
        needs = [need for need in _texts(request, "informasjonsbehov") if need != _NOTIFICATION]
        return messages.hent_endringer_respons(
            first, changes.last, changes.latest, self._elements(changes.persons, needs)
        )

    def _print_certificate(self, _request: Opened) -> messages.Message:
        provider, certificate = self._register.print_certificate
        return messages.hent_print_sertifikat_respons(provider, base64.b64decode(certificate))

    def _mailbox(self, request: Opened) -> messages.Message:
        operation = next(name for name in messages.OPERATIONS if name == _operation(request))
        answer = self._register.perform(operation, [_value(child) for child in request.message])
        return messages.mailbox_answer(operation, answer.status, answer.cause)

    def _elements(self, persons: Iterable[Person], needs: Iterable[str]) -> list[messages.Message]:
        """Return elements Person with what was asked for."""
        asked = {*needs}
        columns = self._always.union(*(group for need, group in self._groups.items() if need in asked))
        records = []
        for person in persons:
            given = columns
            if _NOTIFICATION in asked:
                given = (self._always if is_expired(person) else columns) | {NOTIFICATION}
            records.append(self._builder.write(self._builder.record(person.keys() & given, person.__getitem__)))
        return list(parse("".join([self._builder.head({}), *records, self._builder.tail()]).encode()))


def _parse(envelope: bytes) -> Envelope:
    try:
        return Envelope.parse(envelope)
    except InputError as error:
        raise _FaultError("Sender", error.message) from None


def _operation(request: Opened) -> str:
    return request.name.removesuffix(REQUEST)


def _texts(request: Opened, name: str) -> list[str]:
    return [child.text or "" for child in request.message.findall(f"{{{SERVICE_16_02}}}{name}")]


def _value(element: messages.Message) -> str:
    """Return an element's value as persons have it: escaped, and base64 without white space."""
    text = element.text or ""
    return "".join(text.split()) if element.tag == _CERTIFICATE else escape(text, {'"': "&quot;"})


def _fault(fault: _FaultError, soap: str) -> Reply:
    """Return a fault; SOAP 1.2 has 400 for what the sender did (part 2, 7.5.2.2), all else is 500."""
    is_sender = fault.code == "Sender"
    code = "Client" if is_sender and soap != SOAP_12 else fault.code
    status = 400 if is_sender and soap == SOAP_12 else 500
    return Reply(status, _content_type(soap), make_fault(code, fault.text, soap, fault.security))


def _content_type(soap: str) -> str:
    return f"{'application/soap+xml' if soap == SOAP_12 else 'text/xml'}; charset=UTF-8"
