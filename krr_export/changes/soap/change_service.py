"""Pages of changes from a service that speaks as Oppslagstjenesten 16-02 did."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from krr_export.changes.soap import protocol, transport
from krr_export.changes.soap.messages import hent_endringer
from krr_export.changes.soap.names import SERVICE_16_02
from krr_export.changes.soap_page import read_number
from krr_export.domain.change_numbers import page_name
from krr_export.errors import InputError
from krr_export.input.http.rest_service import LARGEST, FetchedPage
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from krr_export.changes.soap.signing import Signer
    from krr_export.input.http.address import ServiceAddress
    from krr_export.input.http.retrying import Transport


class SoapChangeService:
    """Asks for pages, all that a local copy needs of each person.

    Args:
        address: of the service.
        signer: who asks; answers are encrypted for it.
        publisher: the fingerprint of the key of who must have signed the answers.
        using: how requests are made; faults come with HTTP 500, which is an answer here.
    """

    def __init__(self, address: ServiceAddress, signer: Signer, publisher: str, using: Transport) -> None:
        self._address, self._signer, self._publisher = address, signer, publisher
        self._transport = replace(using, answers=transport.ANSWERS)

    def page_from(self, known: int) -> FetchedPage:
        """Return the page that follows a change number; its content is the message that was signed, decrypted.

        Raises:
            InputError: the answer is a fault, is not to be trusted, or is not the page that was asked for.
            NetworkError: there is no answer.
        """
        first = known + 1 if known else 0
        opened = self._ask(first)
        if (opened.namespace, opened.name) != (SERVICE_16_02, "HentEndringerRespons"):
            raise InputError(f"the answer of {self._address.server} is no page of changes", "check --url")
        asked, last, latest = (read_number("the answer", opened.message, which) for which in ("fra", "til", "seneste"))
        if asked != first or not 0 <= last <= latest <= LARGEST:
            raise InputError(
                f"the answer of {self._address.server} is not the page from change {number(first)}", "ask the service"
            )
        return FetchedPage(known, last, latest, opened.created, opened.document, page_name(first, last, ".xml"))

    def _ask(self, first: int) -> protocol.Opened:
        request = protocol.sign_request(hent_endringer(first), self._signer)
        answer = self._transport.post(self._address, transport.make_request(request.document))
        return protocol.open_answer(
            transport.read_answer(self._address, answer),
            {self._publisher},
            lambda: self._signer.key,
            request_signature=request.signature,
        )
