"""An SFTP client that keeps many reads in flight, so that speed is not one round trip for every 32 KiB.

Paramiko's own `prefetch` asks from a thread of its own, which prints a traceback when the line is cut. Nor does it
bound what a server may send: here each answer has a size, a listing has an end, and whoever dawdles is left.
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

    class _Machinery(paramiko.SFTPClient):
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
    _Machinery = paramiko.SFTPClient
    _Attributes = paramiko.SFTPAttributes

_PIECE = 1 << 15
"""Bytes asked for at a time: what every server gives (draft-ietf-secsh-filexfer-02, 3)."""
_IN_FLIGHT = 64
"""So many are asked for at once: together the 2 MiB that SSH lets be under way on one channel."""

_SMALLEST = 5
"""Bytes of an answer: its kind, and a number."""
_LARGEST = 1 << 18
"""Bytes of an answer: so many has the largest that OpenSSH sends or takes."""
_ENTRIES = 250_000
"""Of a directory that is listed: more than two years of sets, one every twenty minutes."""
_SLOWEST = 1 << 13
"""Bytes a second of a file: a server that gives less is not waited for."""


class EndOfFileError(Exception):
    """A file ends before it should. Not an ``EOFError``: paramiko says so too when the line is cut."""


class RefusedError(OSError):
    """The server refuses, and says no more than that. Other errors of this kind are the line's."""


class TooManyError(Exception):
    """A directory holds more than any that deliveries lie in."""


class _Text(paramiko.Message):
    """An answer whose texts may be in any encoding: one odd name beside a delivery must not hide it."""

    def get_text(self) -> str:
        return self.get_string().decode(errors="replace")

    def get_bytes(self, n: int) -> bytes:
        found = self.packet.read(n)
        # Paramiko fills up with zeros: a number of things to follow could have it count to four thousand millions.
        if len(found) < n:
            raise SFTPError("an answer that ends before it should")
        return found


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
    """An SFTP client with reads in flight, on paramiko's own machinery for requests and answers.

    Args:
        channel: on which the server speaks SFTP.
        patience: seconds in all that are waited for one request, or for as much of a file as is due in that time.
    """

    def __init__(self, channel: paramiko.Channel, patience: float) -> None:
        self._patience = patience
        self._left = patience
        self._shared = False
        self._greeted = False
        super().__init__(channel)
        self._greeted = True

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let the requests that follow share their time: as many as the server likes would else take as long."""
        self._left, self._shared = seconds, True
        try:
            yield
        finally:
            self._shared = False

    def entries(self, directory: str) -> Iterator[paramiko.SFTPAttributes]:
        """What a directory holds, one after the other, so that nothing need be kept of what is of no use.

        Raises:
            TooManyError: It holds too much.
            FileNotFoundError, PermissionError, RefusedError: The server refuses.
            TimeoutError: It is silent or dawdles for too long.
            EOFError, OSError, paramiko.SSHException, SFTPError: The connection was lost, or makes no sense.
        """
        kind, message = self._request(CMD_OPENDIR, directory)
        if kind != CMD_HANDLE:
            raise SFTPError("no directory was opened")
        handle = message.get_binary()
        seen = 0
        while answer := self._more(handle):
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

    def _more(self, handle: bytes) -> paramiko.Message | None:
        """The next entries; ``None`` at the end."""
        try:
            kind, message = self._request(CMD_READDIR, handle)
        except EOFError:
            return None
        if kind != CMD_NAME:
            raise SFTPError("no entries")
        return message

    def pieces(self, file: paramiko.SFTPFile, start: int, end: int) -> Iterator[bytes]:
        """The bytes of an open file from ``start`` to ``end``, in order, in pieces of at most 32 KiB.

        Raises:
            EndOfFileError: The file ends before.
            FileNotFoundError, PermissionError, RefusedError: The server refuses.
            TimeoutError: It is silent for too long, or too slow.
            EOFError, OSError, paramiko.SSHException, SFTPError: The connection was lost, or makes no sense.
        """
        answers = _Answers(self)
        asked: deque[tuple[int, int, int]] = deque()
        position = start
        self._left, due = self._patience, self._patience * _SLOWEST
        while asked or position < end:
            while position < end and len(asked) < _IN_FLIGHT:
                length = min(_PIECE, end - position)
                asked.append((self._ask(file, answers, position, length), position, length))
                position += length
            number, offset, length = asked.popleft()
            piece = self._wait_for(answers, number, length)
            due -= len(piece)
            if due <= 0:
                self._left, due = self._patience, self._patience * _SLOWEST
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
            super()._convert_status(_Text(message.get_remainder() + bytes(4)))  # the text may be missing
        except (FileNotFoundError, PermissionError):
            raise
        except OSError:
            raise RefusedError from None

    def _read_packet(self) -> tuple[int, bytes]:
        """Take one answer; paramiko calls this, whose own takes 16 MiB, and answers that nobody asked for."""
        size = int.from_bytes(self._read_all(4), "big")
        if not _SMALLEST <= size <= _LARGEST:
            raise SFTPError("an answer of a length that none has")
        data = self._read_all(size)
        if self._greeted and int.from_bytes(data[1:5], "big") not in self._expecting:
            raise SFTPError("an answer that nobody asked for")
        return data[0], data[1:]

    def _read_all(self, size: int) -> bytes:
        """So many bytes; the time that they are waited for counts, for a byte now and then is no silence."""
        data = bytearray()
        while len(data) < size:
            began = time.monotonic()
            piece = self.sock.recv(size - len(data))
            self._left -= time.monotonic() - began
            if not piece:
                raise EOFError
            if self._left < 0:
                raise TimeoutError
            data += piece
        return bytes(data)

    def _request(self, kind: int, *arguments: object) -> tuple[int, paramiko.Message]:
        if not self._shared:
            self._left = self._patience
        answer, message = super()._request(kind, *arguments)
        return answer, _Text(message.get_remainder())
