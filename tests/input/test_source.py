"""Whatever way the bytes come, they are the same bytes, counted and hashed as delivered; or they are refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import os
import threading
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.errors import InputError, UsageError
from krr_export.input.open_source import open_source
from krr_export.input.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 20


class Trickle(io.RawIOBase):
    """A stream that gives the same pieces to whoever reads, one at a time."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if not self._pieces:
            return b""
        assert len(self._pieces[0]) <= size
        return self._pieces.pop(0)


def delivered(*pieces: bytes) -> Source:
    return Source(Trickle(*pieces), "test")  # type: ignore[arg-type]  # the part of BinaryIO that a source needs


def one_at_a_time(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def in_sevens(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 7] for at in range(0, len(data), 7))


def stored(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=0, mtime=0)


@pytest.mark.parametrize(
    "name", ["export.xml", "export.gz", "export.xml.gz", "Kontaktregister-20140226T112225", "a.zip"]
)
@pytest.mark.parametrize("compressed", [True, False])
def test_gzip_is_known_by_its_magic_whatever_the_name(tmp_path: Path, name: str, *, compressed: bool) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(CONTENT) if compressed else CONTENT)
    with open_source(path) as source:
        assert source.compression == ("gzip" if compressed else "none")
        assert b"".join(source) == CONTENT


@pytest.mark.parametrize(
    "data", [b"", b"<", b"<a", CONTENT, gzip.compress(CONTENT)], ids=["0", "1", "2", "plain", "gzip"]
)
def test_bytes_are_counted_and_hashed_as_delivered(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(data)
    read: list[int] = []
    with open_source(path, on_read=read.append) as source:
        assert (source.name, source.size) == ("export.xml", len(data))
        for _ in source:
            pass
        assert source.at_end
        assert source.bytes_read == sum(read) == len(data)
        assert source.sha256 == hashlib.sha256(data).hexdigest()


def test_there_is_no_digest_of_a_part(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(os.urandom(3 << 20))
    with open_source(path) as source:
        next(iter(source))
        assert source.sha256 is None
        assert not source.at_end
        assert 0 < source.bytes_read < 3 << 20


MEMBERS = [CONTENT, b"", b"a", CONTENT[:7], b""]


@pytest.mark.parametrize("compress", [gzip.compress, stored], ids=["deflated", "stored"])
def test_members_in_a_row_are_one_stream_split_at_any_byte(compress: Callable[[bytes], bytes]) -> None:
    data = b"".join(compress(member) for member in MEMBERS)
    steps = range(len(data)) if len(data) < 3000 else [*range(0, len(data), 997), *range(len(data) - 200, len(data))]
    for at in steps:
        source = delivered(data[:at], data[at:])
        assert b"".join(source) == b"".join(MEMBERS), at
        assert source.sha256 == hashlib.sha256(data).hexdigest()


def test_a_pipe_may_give_a_byte_at_a_time() -> None:
    for data in (CONTENT, gzip.compress(CONTENT) * 2, gzip.compress(b"")):
        source = delivered(*one_at_a_time(data))
        assert b"".join(source) == (gzip.decompress(data) if data.startswith(b"\x1f") else data)


@given(members=st.lists(st.binary(max_size=300), min_size=1, max_size=4), cuts=st.data())
def test_members_split_at_random_are_what_python_reads(members: list[bytes], cuts: st.DataObject) -> None:
    data = b"".join(gzip.compress(member) for member in members)
    places = sorted(cuts.draw(st.sets(st.integers(0, len(data)), max_size=6)))
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    assert b"".join(delivered(*pieces)) == b"".join(members)


def fails(data: bytes, *said: str) -> None:
    with pytest.raises(InputError) as caught:
        list(delivered(data))
    assert [part for part in said if part not in str(caught.value)] == []


def test_a_gzip_cut_at_any_byte_is_truncated() -> None:
    data = gzip.compress(CONTENT[:300]) + gzip.compress(b"second")
    first = len(gzip.compress(CONTENT[:300]))
    for end in range(2, len(data)):
        if end == first:
            assert b"".join(delivered(data[:end])) == CONTENT[:300]
        elif end == first + 1:
            fails(data[:end], "not gzip")
        else:
            fails(data[:end], "truncated gzip", str(end), "transfer it again")


def test_a_gzip_with_any_bit_changed_gives_the_right_bytes_or_none() -> None:
    content = b"<Kontaktregister/>" * 30
    data = gzip.compress(content, mtime=0)
    harmless = 0
    for at in range(10 * 8, len(data) * 8):
        broken = bytearray(data)
        broken[at // 8] ^= 1 << at % 8
        try:
            assert b"".join(delivered(bytes(broken))) == content
            harmless += 1  # the bits that fill up the last byte of the data mean nothing
        except InputError as error:
            assert "gzip" in str(error)  # noqa: PT017 - the other outcome is allowed as well
    assert harmless < 8


@pytest.mark.parametrize("zeros", [1, 2, 511, 300_000])
def test_zeros_that_pad_a_gzip_are_no_part_of_it(zeros: int) -> None:
    for data in (gzip.compress(CONTENT), gzip.compress(CONTENT[:99]) + b"\0" * 3 + gzip.compress(CONTENT[99:])):
        padded = data + b"\0" * zeros
        pieces = [padded[at : at + 65_536] for at in range(0, len(padded), 65_536)]
        # A byte at a time to the end and some way into the zeros; the rest in pieces of an odd size.
        begun = len(data) + 600
        byte_by_byte = itertools.chain(one_at_a_time(padded[:begun]), in_sevens(padded[begun:]))
        for source in (delivered(*pieces), delivered(*byte_by_byte)):
            assert b"".join(source) == CONTENT
            assert source.sha256 == hashlib.sha256(padded).hexdigest(), "they were delivered"


@pytest.mark.parametrize("tail", [b"\x1f", b"a", b"\x1f\x8a", b"\0" * 512 + b"a", b"\0\x1f", b"<a/>"])
def test_what_follows_a_gzip_and_is_none_is_refused(tail: bytes) -> None:
    for data in (gzip.compress(CONTENT), gzip.compress(b"") * 2):
        fails(data + tail, "not gzip")
        with pytest.raises(InputError):
            list(delivered(*one_at_a_time(data + tail)))


def test_a_wrong_length_or_checksum_is_refused() -> None:
    data = gzip.compress(CONTENT)
    wrong_crc = data[:-8] + (zlib.crc32(CONTENT) ^ 1).to_bytes(4, "little") + data[-4:]
    wrong_length = data[:-4] + (len(CONTENT) + 1).to_bytes(4, "little")
    for broken in (wrong_crc, wrong_length):
        fails(broken, "corrupt gzip")


def test_a_gzip_bomb_inflates_piece_by_piece() -> None:
    compressor = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    bomb = b"".join(compressor.compress(zeros) for _ in range(200)) + compressor.flush()
    assert len(bomb) < 300_000
    source = delivered(bomb[: 1 << 18], bomb[1 << 18 :])
    tracemalloc.start()
    try:
        length = longest = 0
        for piece in source:
            length += len(piece)
            longest = max(longest, len(piece))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length == 200 << 20
    assert longest <= 1 << 20
    assert peak < 8 << 20


def test_standard_input_is_a_source_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    data = gzip.compress(CONTENT) + gzip.compress(b"end")

    def write() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as pipe:
            for byte in one_at_a_time(data):
                pipe.write(byte)

    writer = threading.Thread(target=write)
    with os.fdopen(read_end, "r") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        writer.start()
        with open_source("-") as source:
            assert source.size is None
            assert b"".join(source) == CONTENT + b"end"
            assert source.sha256 == hashlib.sha256(data).hexdigest()
        writer.join()
        assert not stdin.closed


def test_a_binary_stream_is_a_source() -> None:
    with open_source(io.BytesIO(gzip.compress(CONTENT))) as source:
        assert b"".join(source) == CONTENT


def test_a_stream_of_text_or_no_stream_at_all_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<a/>")
    with (tmp_path / "x.xml").open() as text:
        for given in (text, io.StringIO("<a/>")):
            with pytest.raises(UsageError, match="open it in binary mode"):
                open_source(given)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(UsageError, match="neither a path nor a stream"):
        open_source(b"<a/>")  # type: ignore[arg-type]  # likewise


def test_a_missing_file_and_a_directory_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "none.xml")
    with pytest.raises(InputError, match="is a directory"):
        open_source(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "file" / "below")
    (tmp_path / "long").symlink_to("x" * 300)
    with pytest.raises(InputError, match=r"it cannot be read: .*; check the path and its permissions"):
        open_source(tmp_path / "long")


class Broken(io.RawIOBase):
    """A disk that fails after its first bytes."""

    def __init__(self) -> None:
        self._given = False

    def read(self, _size: int = -1, /) -> bytes:
        if self._given:
            raise OSError(5, "Input/output error")
        self._given = True
        return b"<a>"


def test_a_disk_that_fails_while_reading_is_an_input_error() -> None:
    source = Source(Broken(), "test")  # type: ignore[arg-type]  # the part of BinaryIO that a source needs
    with pytest.raises(InputError, match="Input/output error"):
        list(source)


# Files that change


def overwrite(path: Path, at: int, *, keeps_time: bool) -> None:
    """Put another byte there, without a new size; with a new time, however coarse the clock, or the old one."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (0 if keeps_time else 10**9)))


@pytest.mark.parametrize("keeps_time", [False, True])
@pytest.mark.parametrize("compress", [bytes, stored], ids=["plain", "gzip"])
def test_a_file_overwritten_at_the_same_size_while_it_is_read_is_refused(
    tmp_path: Path,
    compress: Callable[[bytes], bytes],
    keeps_time: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(compress(bytes(3 << 20)))
    with open_source(path) as source:
        next(iter(source))
        overwrite(path, 100, keeps_time=keeps_time)
        with pytest.raises(InputError, match="changed while it was read"):
            list(source)


def test_a_file_that_grows_at_its_old_time_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(bytes(3 << 20))
    before = path.stat()
    with open_source(path) as source:
        next(iter(source))
        with path.open("ab") as file:
            file.write(b"more")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(InputError, match="changed while it was read"):
            list(source)


def test_a_file_that_gets_another_name_and_mode_while_it_is_read_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(CONTENT * 1000)
    with open_source(path) as source:
        next(iter(source))
        path.chmod(0o400)
        path.rename(tmp_path / "moved.xml")
        path.write_bytes(b"the next one")
        list(source)
        assert source.sha256 == hashlib.sha256(CONTENT * 1000).hexdigest()


def test_the_digest_is_known_ahead_of_the_file_that_was_opened_and_of_no_stream(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(CONTENT * 1000)
    with open_source(path) as source:
        path.rename(tmp_path / "moved.xml")
        path.write_bytes(b"another")
        assert source.digest_whole_file() == hashlib.sha256(CONTENT * 1000).hexdigest()
        assert b"".join(source) == CONTENT * 1000, "it is still read from its beginning"
    with open_source(io.BytesIO(CONTENT)) as source:
        assert source.digest_whole_file() is None
