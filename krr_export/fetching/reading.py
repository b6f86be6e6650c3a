"""An SFTP client that keeps many reads in flight, so that speed is not one round trip for every 32 KiB.

Paramiko's own `prefetch` asks from a thread of its own, which prints a traceback when the line is cut.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import paramiko
from paramiko.sftp import CMD_DATA, CMD_READ, SFTPError, int64

if TYPE_CHECKING:
    from collections.abc import Iterator

    class _Machinery(paramiko.SFTPClient):
        """Paramiko's client, with the requests and answers that its stubs leave out."""

        def _async_request(self, answers: object, kind: int, /, *arguments: object) -> int: ...
        def _read_response(self) -> tuple[int | None, paramiko.Message | None]: ...
        def _convert_status(self, message: paramiko.Message, /) -> None: ...
        def _request(self, kind: int, /, *arguments: object) -> tuple[int, paramiko.Message]: ...
else:
    _Machinery = paramiko.SFTPClient

_PIECE = 1 << 15
"""Bytes asked for at a time: what every server gives (draft-ietf-secsh-filexfer-02, 3)."""
_IN_FLIGHT = 64
"""So many are asked for at once: together the 2 MiB that SSH lets be under way on one channel."""


class EndOfFileError(Exception):
    """A file ends before it should. Not an ``EOFError``: paramiko says so too when the line is cut."""


class RefusedError(OSError):
    """The server refuses, and says no more than that. Other errors of this kind are the line's."""


class _Text(paramiko.Message):
    """An answer whose texts may be in any encoding: one odd name beside a delivery must not hide it."""

    def get_text(self) -> str:
        return self.get_string().decode(errors="replace")


class _Answers:
    """What has arrived of what was asked for, by the number of the request."""

    def __init__(self, client: Client) -> None:
        self.arrived: dict[int, bytes] = {}
        self._client = client

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        """Take an answer; paramiko calls this. An error is raised out of whatever waits for answers."""
        if kind != CMD_DATA:
            self._client.refuse(message)
        self.arrived[number] = message.get_string()


class Client(_Machinery):
    """An SFTP client with reads in flight, on paramiko's own machinery for requests and answers."""

    def pieces(self, file: paramiko.SFTPFile, start: int, end: int) -> Iterator[bytes]:
        """The bytes of an open file from ``start`` to ``end``, in order, in pieces of at most 32 KiB.

        Raises:
            EndOfFileError: The file ends before.
            FileNotFoundError, PermissionError, RefusedError: The server refuses.
            TimeoutError: It is silent for too long.
            EOFError, OSError, paramiko.SSHException, SFTPError: The connection was lost, or makes no sense.
        """
        answers = _Answers(self)
        asked: deque[tuple[int, int, int]] = deque()
        position = start
        while asked or position < end:
            while position < end and len(asked) < _IN_FLIGHT:
                length = min(_PIECE, end - position)
                asked.append((self._ask(file, answers, position, length), position, length))
                position += length
            number, offset, length = asked.popleft()
            piece = self._wait_for(answers, number, length)
            yield piece
            if len(piece) < length:  # a server may give less than it was asked for
                offset, length = offset + len(piece), length - len(piece)
                asked.appendleft((self._ask(file, answers, offset, length), offset, length))

    def _ask(self, file: paramiko.SFTPFile, answers: _Answers, offset: int, length: int) -> int:
        return self._async_request(answers, CMD_READ, file.handle, int64(offset), length)

    def _wait_for(self, answers: _Answers, number: int, length: int) -> bytes:
        while number not in answers.arrived:
            self._read_response()
        piece = answers.arrived.pop(number)
        if not 0 < len(piece) <= length:
            raise SFTPError("a piece of a length that was not asked for")
        return piece

    def refuse(self, message: paramiko.Message) -> None:
        """Raise what an answer to a read means that holds no data.

        Raises:
            EndOfFileError: The file ends before.
            OSError: The server refuses.
            SFTPError: It makes no sense.
        """
        try:
            self._convert_status(message)
        except EOFError:
            raise EndOfFileError from None
        raise SFTPError("an answer without data")

    def _convert_status(self, message: paramiko.Message) -> None:
        """Raise what a status means; paramiko calls this for every answer that is one."""
        try:
            super()._convert_status(_Text(message.get_remainder()))
        except (FileNotFoundError, PermissionError):
            raise
        except OSError:
            raise RefusedError from None

    def _request(self, kind: int, *arguments: object) -> tuple[int, paramiko.Message]:
        answer, message = super()._request(kind, *arguments)
        return answer, _Text(message.get_remainder())
