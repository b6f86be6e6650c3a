"""An SFTP client that keeps many reads in flight, so that 32 KiB do not take a whole round trip.

Paramiko's own `prefetch` sends requests from its own thread, which prints a traceback when the connection breaks. Nor
does it limit what a server may send: here answers and listings have a maximal size, and a slow server is given up.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import paramiko
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_DATA,
    CMD_HANDLE,
    CMD_NAME,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    SFTPError,
    int64,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    class _BaseClient(paramiko.SFTPClient):
        """Paramiko's client, with the requests and answers that its stubs leave out."""

        _expecting: Mapping[int, object]

        def _async_request(self, answers: object, kind: int, /, *arguments: object) -> int: ...
        def _read_response(self) -> tuple[int | None, paramiko.Message | None]: ...
        def _convert_status(self, message: paramiko.Message, /) -> None: ...
        def _request(self, kind: int, /, *arguments: object) -> tuple[int, paramiko.Message]: ...

    class _Attributes(paramiko.SFTPAttributes):
        """Paramiko's attributes of a file, which its stubs cannot read."""

        @classmethod
        def _from_msg(cls, message: paramiko.Message, name: str, long_name: str, /) -> paramiko.SFTPAttributes: ...
else:
    _BaseClient = paramiko.SFTPClient
    _Attributes = paramiko.SFTPAttributes

_PIECE_BYTES = 1 << 15
"""Bytes of one request: what every server gives (draft-ietf-secsh-filexfer-02, 3)."""
_IN_FLIGHT = 64
"""Requests at once: together the 2 MiB of the window of an SSH channel."""

_MIN_ANSWER = 5
"""Bytes of the shortest answer: its kind, and a number."""
_MAX_ANSWER = 1 << 18
"""Bytes of the largest answer that OpenSSH sends or accepts."""
_ENTRIES = 250_000
"""The most that a listing may have: more than two years of sets, one every twenty minutes."""
_MIN_RATE = 1 << 13
"""Bytes a second of a file: a slower server is given up."""


class EndOfFileError(Exception):
    """A file ends before it should. Not an ``EOFError``: paramiko raises that when the connection breaks."""


class RefusedError(OSError):
    """The server refuses without a reason. Any other ``OSError`` is about the connection."""


class TooManyError(Exception):
    """A directory has more entries than any directory of deliveries."""


class _Text(paramiko.Message):
    """An answer whose texts may have any encoding: one odd name beside a delivery must not hide it."""

    def get_text(self) -> str:
        return self.get_string().decode(errors="replace")

    def get_bytes(self, n: int) -> bytes:
        content = self.packet.read(n)
        # Paramiko pads with zeros: with a false count of entries it could loop four thousand million times.
        if len(content) < n:
            raise SFTPError("an answer that ends before it should")
        return content


class _Answers:
    """The answers that have arrived, by the number of the request."""

    def __init__(self, client: Client) -> None:
        self.arrived: dict[int, bytes] = {}
        self._client = client

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        """Take an answer; paramiko calls this. An error is raised in the caller that waits for answers."""
        if kind != CMD_DATA:
            self._client.raise_status(message)
        self.arrived[number] = message.get_string()


class Client(_BaseClient):
    """An SFTP client with reads in flight, built on paramiko's requests and answers.

    Args:
        channel: the channel of the subsystem ``sftp``.
        timeout: seconds in all to wait for one request, or for as much of a file as is due in that time.
    """

    def __init__(self, channel: paramiko.Channel, timeout: float) -> None:
        self._timeout = timeout
        self._seconds_left = timeout
        self._has_deadline = False
        self._initialised = self._abandoned = False
        super().__init__(channel)
        self._initialised = True

    def abandon(self) -> None:
        """Send nothing any more, not even that a file which is garbage is closed.

        A signal may have come while this thread had a lock of the library: what it asked for next would wait forever.
        """
        self._abandoned = True

    def _async_request(self, answers: object, kind: int, /, *arguments: object) -> int:
        if self._abandoned:
            raise EOFError  # paramiko expects it of a connection that is closed
        return super()._async_request(answers, kind, *arguments)

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Let the following requests share one time limit: a server could else prolong them without end."""
        self._seconds_left, self._has_deadline = seconds, True
        try:
            yield
        finally:
            self._has_deadline = False

    def entries(self, directory: str) -> Iterator[paramiko.SFTPAttributes]:
        """Yield the entries of a directory one by one, so that useless ones are not kept in memory.

        Raises:
            TooManyError: it has too many.
            FileNotFoundError, PermissionError, RefusedError: the server refuses.
            TimeoutError: it is silent or slow for too long.
            EOFError, OSError, paramiko.SSHException, SFTPError: the connection was lost, or an answer makes no sense.
        """
        kind, message = self._request(CMD_OPENDIR, directory)
        if kind != CMD_HANDLE:
            raise SFTPError("no directory was opened")
        handle = message.get_binary()
        seen = 0
        while answer := self._next_entries(handle):
            count = answer.get_int()
            seen += count
            if count == 0:
                raise SFTPError("a listing that goes on without entries")
            if seen > _ENTRIES:
                raise TooManyError
            for _ in range(count):
                name, long_name = answer.get_text(), answer.get_text()
                yield _Attributes._from_msg(answer, name, long_name)  # noqa: SLF001 - as paramiko's listdir_attr does
        self._request(CMD_CLOSE, handle)

    def _next_entries(self, handle: bytes) -> paramiko.Message | None:
        """Return the next entries; ``None`` at the end."""
        try:
            kind, message = self._request(CMD_READDIR, handle)
        except EOFError:
            return None
        if kind != CMD_NAME:
            raise SFTPError("no entries")
        return message

    def pieces(self, file: paramiko.SFTPFile, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of an open file from ``start`` to ``end``, in order, in pieces of at most 32 KiB.

        Raises:
            EndOfFileError: the file ends before ``end``.
            FileNotFoundError, PermissionError, RefusedError: the server refuses.
            TimeoutError: it is silent for too long, or too slow.
            EOFError, OSError, paramiko.SSHException, SFTPError: the connection was lost, or an answer makes no sense.
        """
        answers = _Answers(self)
        in_flight: deque[tuple[int, int, int]] = deque()
        position = start
        self._seconds_left, due = self._timeout, self._timeout * _MIN_RATE
        while in_flight or position < end:
            while position < end and len(in_flight) < _IN_FLIGHT:
                length = min(_PIECE_BYTES, end - position)
                in_flight.append((self._request_piece(file, answers, position, length), position, length))
                position += length
            number, offset, length = in_flight.popleft()
            piece = self._wait_for_piece(answers, number, length)
            due -= len(piece)
            if due <= 0:
                self._seconds_left, due = self._timeout, self._timeout * _MIN_RATE
            yield piece
            if len(piece) < length:  # a server may give less than was requested
                offset, length = offset + len(piece), length - len(piece)
                in_flight.appendleft((self._request_piece(file, answers, offset, length), offset, length))

    def _request_piece(self, file: paramiko.SFTPFile, answers: _Answers, offset: int, length: int) -> int:
        return self._async_request(answers, CMD_READ, file.handle, int64(offset), length)

    def _wait_for_piece(self, answers: _Answers, number: int, length: int) -> bytes:
        while number not in answers.arrived:
            self._read_response()
        piece = answers.arrived.pop(number)
        if not 0 < len(piece) <= length:
            raise SFTPError("a piece of a length that was not asked for")
        return piece

    def raise_status(self, message: paramiko.Message) -> None:
        """Raise the error that an answer without data to a read means.

        Raises:
            EndOfFileError: the file has ended.
            OSError: the server refuses.
            SFTPError: it makes no sense.
        """
        try:
            self._convert_status(message)
        except EOFError:
            raise EndOfFileError from None
        raise SFTPError("an answer without data")

    def _convert_status(self, message: paramiko.Message) -> None:
        """Raise the error that a status means; paramiko calls this for every status."""
        try:
            super()._convert_status(_Text(message.get_remainder() + bytes(4)))  # the text may be missing
        except (FileNotFoundError, PermissionError):
            raise
        except OSError:
            raise RefusedError from None

    def _read_packet(self) -> tuple[int, bytes]:
        """Read one answer; paramiko calls this. Its own method accepts 16 MiB, and answers without a request."""
        size = int.from_bytes(self._read_all(4), "big")
        if not _MIN_ANSWER <= size <= _MAX_ANSWER:
            raise SFTPError("an answer of a length that none has")
        data = self._read_all(size)
        if self._initialised and int.from_bytes(data[1:5], "big") not in self._expecting:
            raise SFTPError("an answer that nobody asked for")
        return data[0], data[1:]

    def _read_all(self, size: int) -> bytes:
        """Read so many bytes. The waiting adds up: a byte now and then would never reach a timeout of its own."""
        data = bytearray()
        while len(data) < size:
            began = time.monotonic()
            piece = self.sock.recv(size - len(data))
            self._seconds_left -= time.monotonic() - began
            if not piece:
                raise EOFError
            if self._seconds_left < 0:
                raise TimeoutError
            data += piece
        return bytes(data)

    def _request(self, kind: int, *arguments: object) -> tuple[int, paramiko.Message]:
        if not self._has_deadline:
            self._seconds_left = self._timeout
        answer, message = super()._request(kind, *arguments)
        return answer, _Text(message.get_remainder())
