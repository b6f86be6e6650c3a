"""The register's REST service: pages of its change feed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from krr_export.domain.change_numbers import page_name
from krr_export.domain.rest_service import NUMBER_FIELDS
from krr_export.errors import InputError, NetworkError
from krr_export.input.http.exchange import Request
from krr_export.input.http.rest_document import decode, read_page
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from krr_export.input.http.address import ServiceAddress
    from krr_export.input.http.exchange import Answer
    from krr_export.input.http.retrying import Transport
    from krr_export.input.http.token import TokenSource

CHANGES_SCOPE = "krr:global/hentendring.read"
CHANGES_PATH = "rest/v2/krr/hentEndringer"
_NAME = "the answer"
LARGEST = 2**63 - 1
"""No change number is larger: xs:long."""
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class FetchedPage:
    """A page as received.

    Attributes:
        known: the last known change when it was requested.
        last: its last change.
        latest: the register's last change.
        moment: when it was made, UTC, by the server's clock, or by ours if the answer has no date.
        content: its bytes.
        name: of its file.
    """

    known: int
    last: int
    latest: int
    moment: datetime
    content: bytes
    name: str


class ChangeService:
    """Asks for pages.

    Args:
        address: of the register.
        tokens: the source of tokens.
        transport: how requests are made.
    """

    def __init__(self, address: ServiceAddress, tokens: TokenSource, transport: Transport) -> None:
        self._address, self._tokens, self._transport = address, tokens, transport

    def page_from(self, known: int) -> FetchedPage:
        """Return the page that follows a change number.

        Args:
            known: the last known change. It is not documented whether the service begins with it or with the next; if
                with it, the page repeats a change, which does no harm.

        Raises:
            InputError: the answer is not a page, or another than the one requested.
            NetworkError: there is no answer, or a refusal.
        """
        answer = self._ask(known)
        if answer.status == _UNAUTHORIZED:
            self._tokens.drop()
            answer = self._ask(known)
        self._check_status(answer)
        documents = [document for document, _ in decode(_NAME, answer.body)]
        if len(documents) != 1:
            raise InputError(f"{_NAME} of {self._address.server} is no page of changes", "check --url")
        page = read_page(_NAME, documents[0])
        if page.first != known or not page.last <= page.latest <= LARGEST or page.last < 0:
            raise InputError(
                f"{_NAME} of {self._address.server} is not the page after change {number(known)}", "ask the register"
            )
        name = page_name(page.first, page.last, ".json")
        return FetchedPage(page.first, page.last, page.latest, _moment(answer), answer.body, name)

    def _ask(self, known: int) -> Answer:
        headers = {
            "Authorization": f"Bearer {self._tokens.get()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        body = json.dumps({NUMBER_FIELDS[0]: known}).encode()
        return self._transport.post(self._address, Request(CHANGES_PATH, body, headers))

    def _check_status(self, answer: Answer) -> None:
        match answer.status:
            case 200:
                return
            case 401:
                raise NetworkError(
                    f"{self._address.server} refuses the token (HTTP 401)",
                    "do --url and --maskinporten belong to the same environment?",
                )
            case 403:
                raise NetworkError(
                    f"{self._address.server} refuses the changes (HTTP 403)",
                    f"they need the scope {CHANGES_SCOPE}, which the register grants to few",
                )
        raise NetworkError(f"{self._address.server} answers HTTP {answer.status}", "check --url; or ask the register")


def _moment(answer: Answer) -> datetime:
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return datetime.now(UTC)
