"""Requests that are made again after a failure that may pass, with longer and longer pauses."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil
from typing import TYPE_CHECKING

from krr_export.errors import NetworkError
from krr_export.input.http.exchange import Answer, Limits, Request, TransientError, post

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Collection
    from datetime import datetime

    from krr_export.input.http.address import ServiceAddress

_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each new try."""
_LONGEST_PAUSE = 120
"""Seconds that a server may ask to wait; for more, the program ends."""
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_TOO_MANY, _SERVER_ERRORS, _REDIRECTS = 429, range(500, 600), range(300, 400)
_LATER = "run again later: what has arrived is kept"


@dataclass(frozen=True)
class Transport:
    """How requests are made.

    Attributes:
        context: whom to trust.
        limits: of an answer.
        sleep: waits for so many seconds.
        answers: statuses that are an answer, though they look like a failure.
    """

    context: ssl.SSLContext
    limits: Limits = field(default_factory=Limits)
    sleep: Callable[[float], object] = time.sleep
    answers: Collection[int] = ()

    def post(self, address: ServiceAddress, request: Request) -> Answer:
        """Send a request, and retry it if it fails in a way that may pass; return the answer.

        Raises:
            InputError: the answer is larger than allowed.
            NetworkError: all tries failed, a failure was final, or the server redirects.
        """
        for pause in (*_PAUSES, None):
            try:
                answer = post(address, request, self.context, self.limits)
                asked = None if answer.status in self.answers else _check_passing(answer, address)
            except TransientError as error:
                if pause is None:
                    raise NetworkError(f"{error.what}, {len(_PAUSES) + 1} times", _LATER) from None
                self.sleep(pause)
            else:
                if asked is None:
                    return answer
                if pause is None or asked > _LONGEST_PAUSE:
                    raise NetworkError(
                        f"{address.server} answers HTTP {answer.status}, and asks for a pause of {asked} s",
                        _LATER,
                    )
                self.sleep(max(asked, pause))
        raise AssertionError


def _check_passing(answer: Answer, address: ServiceAddress) -> int | None:
    """Return the pause that the server asks for; ``None`` if it has answered.

    Raises:
        NetworkError: it redirects: a token must not be sent there.
        TransientError: it failed, and the next try may succeed.
    """
    if answer.status in _REDIRECTS:
        raise NetworkError(
            f"{address.server} sends elsewhere (HTTP {answer.status}), which is not followed", "check the URL"
        )
    if answer.status != _TOO_MANY and answer.status not in _SERVER_ERRORS:
        return None
    asked = _asked_pause(answer)
    if asked is None:
        raise TransientError(f"{address.server} answers HTTP {answer.status}")
    return asked


def _asked_pause(answer: Answer) -> int | None:
    """Return the seconds that a server asks to wait, by its own clock where it names a moment."""
    asked = answer.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(asked):
        return int(asked)
    until, now = _moment(asked), _moment(answer.headers.get("date", ""))
    return None if until is None or now is None else max(0, ceil((until - now).total_seconds()))


def _moment(written: str) -> datetime | None:
    """Return the time in an HTTP date; ``None`` if it is not one."""
    try:
        moment = parsedate_to_datetime(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
