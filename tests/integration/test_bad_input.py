"""Bad input and bad luck, through the command line.

Each has the right exit code and one clear last line; nothing is published, lost or said of a person; memory is bounded.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import command
import pytest
from command import Ran
from exports import tiny_xml

from krr_export import load_schema
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IDENTIFIER = tiny_xml.IDENTIFIER
EMAIL = "plantet.person@example.no"
SECRETS = (IDENTIFIER, EMAIL, "plantet", "<Person", "personidentifikator>")
"""What no message may hold."""

ROOT_TAG = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}"'
PERSON = tiny_xml.person(tiny_xml.contact(EMAIL))
GOOD = tiny_xml.export(PERSON, PERSON)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system of its own on Linux; the name used there is our own
MEMORY = 200e6
"""Bytes that refusing may take at the most: what Arrow, lxml and xmlschema need is about half of it."""


class Bad(NamedTuple):
    """An export that nobody can use."""

    content: bytes
    says: str
    code: int = 3


def between(text: str) -> bytes:
    """The good export with this between its records."""
    return GOOD.replace(b"</Person>\n<", b"</Person>\n" + text.encode() + b"<", 1)


def with_prolog(text: str) -> bytes:
    return GOOD.replace(b"?>\n", b"?>\n" + text.encode(), 1)


def with_value(text: str) -> bytes:
    return GOOD.replace(EMAIL.encode(), text.encode(), 1)


LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
PACKED = gzip.compress(GOOD)

BAD = {
    "an empty file": Bad(b"", "the input is empty"),
    "only white space": Bad(b"\n" * 100, "the input is empty"),
    "not XML": Bad(f"{IDENTIFIER};{EMAIL}\n".encode() * 100, "the input is not XML"),
    "binary": Bad(bytes(range(256)) * 100, "the input is not XML"),
    "HTML": Bad(b"<html><body>502 Bad Gateway</body></html>", "its root is not Kontaktregister"),
    "another root": Bad(GOOD.replace(b"et:Kontaktregister", b"et:Register"), "its root is not Kontaktregister"),
    "a root in another namespace": Bad(
        GOOD.replace(b"eksporttjeneste/14-05", b"eksporttjeneste/13-01"), "eksporttjeneste/13-01, not in http"
    ),
    "a root in no namespace": Bad(
        tiny_xml.export(PERSON, root=f"Kontaktregister {tiny_xml.ROOT_ATTRIBUTES}"),
        "the root is in the namespace none, not in http",
    ),
    "no eksportTidspunkt": Bad(
        tiny_xml.export(PERSON, root=f'{ROOT_TAG} senesteEndringsNummer="1"'), "eksportTidspunkt is missing"
    ),
    "no senesteEndringsNummer": Bad(
        GOOD.replace(b'senesteEndringsNummer="1724"', b""), "senesteEndringsNummer is missing"
    ),
    "a change number that is none": Bad(GOOD.replace(b'"1724"', f'"{IDENTIFIER}x"'.encode()), "is not of its type"),
    "a time of export that is none": Bad(GOOD.replace(b"2014-02-26T", b"2014-02-30T"), "is not of its type"),
    "an attribute on the root too many": Bad(
        GOOD.replace(b" senesteE", b' plantet="x" senesteE'), "the root is not valid"
    ),
    "a record's end tag in a quote": Bad(
        tiny_xml.export(PERSON, "<Person a='></Person>'>", PERSON), "line 4: a < stands in an attribute's value"
    ),
    "a DOCTYPE": Bad(with_prolog("<!DOCTYPE Kontaktregister>"), "DOCTYPE"),
    "an entity bomb": Bad(
        with_prolog(f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]>').replace(EMAIL.encode(), b"&a9;"), "DOCTYPE"
    ),
    "an external entity": Bad(
        with_prolog('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>').replace(EMAIL.encode(), b"&e;"), "DOCTYPE"
    ),
    "an external DTD": Bad(with_prolog('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'), "DOCTYPE"),
    "a DOCTYPE behind comments": Bad(with_prolog("<!-- -->\n<?pi?><!DOCTYPE x>"), "DOCTYPE"),
    "an undeclared entity": Bad(with_value("&plantet;"), "not well-formed XML: line 3: an entity is not declared"),
    "an undeclared prefix": Bad(
        GOOD.replace(b"<Person>", b"<q:Person>", 1).replace(b"</Person>", b"</q:Person>", 1), "prefix is not declared"
    ),
    "tags that do not match": Bad(GOOD.replace(b"</Epostadresse>", b"</Plantet>", 1), "not well-formed XML"),
    "bytes that are not UTF-8": Bad(
        GOOD.replace(b"plantet", b"\xe6\xf8\xe5", 1), "not valid in the document's encoding"
    ),
    "bytes that are not UTF-8, after many": Bad(
        tiny_xml.export(*[PERSON] * 40_000).replace(b"</et:", b"\xff</et:"), "line 40003"
    ),
    "UTF-16 cut within a character": Bad(tiny_xml.export(PERSON, encoding="UTF-16")[:-1], "not valid UTF-16"),
    "UTF-7": Bad(GOOD.replace(b"UTF-8", b"UTF-7"), "encoding that is not accepted"),
    "text between records": Bad(between(f"{IDENTIFIER}\n"), "line 4: text stands between the records"),
    "an unknown element under the root": Bad(between("<plantet/>\n"), "line 4: an element other than Person"),
    "a Person in another namespace": Bad(
        between('<Person xmlns="urn:plantet"/>\n'), "an element other than Person stands"
    ),
    "an end tag too many": Bad(between("</Person>\n"), "not well-formed XML"),
    "a second root": Bad(GOOD + GOOD.split(b"?>\n")[1], "something stands after the root's end"),
    "text after the root": Bad(GOOD + IDENTIFIER.encode(), "something stands after the root's end"),
    "truncated within a record": Bad(GOOD[: GOOD.rindex(b"@")], "the document is truncated: it ends on line 4"),
    "truncated between records": Bad(GOOD[: GOOD.rindex(b"</et:")], "the document is truncated: it ends on line 5"),
    "truncated within the root's start tag": Bad(GOOD[:100], "before its root begins"),
    "truncated within the root's end tag": Bad(GOOD[:-1], "the document is truncated"),
    "truncated gzip": Bad(PACKED[: len(PACKED) // 2], "a truncated gzip"),
    "gzip without its last byte": Bad(PACKED[:-1], "a truncated gzip"),
    "gzip of a truncated document": Bad(gzip.compress(GOOD[:-20]), "2 whole records; it arrived as it was sent: ask"),
    "gzip with a broken CRC": Bad(PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "a corrupt gzip"),
    "gzip with something behind it": Bad(PACKED + b"\0" * 512 + b"x", "bytes that are not gzip follow"),
    "gzip, the second member of it truncated": Bad(
        gzip.compress(GOOD[:300]) + gzip.compress(GOOD[300:])[:-9], "a truncated gzip"
    ),
    "gzip in gzip": Bad(gzip.compress(PACKED), "the input is not XML"),
    "a value nested a hundred thousand deep": Bad(
        with_value("<a>" * 100_000 + "</a>" * 100_000), "more than 10000 elements"
    ),
    "a record nested beyond 64": Bad(with_value("<a>" * 70 + "</a>" * 70), "nested more than 64 elements deep"),
    "no records": Bad(tiny_xml.export(), "the export holds no records", code=1),
    "no records, the root closed at once": Bad(
        f"<{ROOT_TAG} {tiny_xml.ROOT_ATTRIBUTES}/>".encode(), "the export holds no records", code=1
    ),
    "a record that the XSD refuses": Bad(
        tiny_xml.export(PERSON, tiny_xml.person(identifier=f"{IDENTIFIER}1")), "1 of 2 records rejected", code=1
    ),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds a snapshot; copied before use."""
    store = tmp_path_factory.mktemp("published") / "store"
    source = store.with_name("before.xml")
    source.write_bytes(GOOD.replace(b"2014-02-26", b"2014-02-25"))
    assert command.call("convert", source, store).code == 0
    return store


@pytest.fixture
def store(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "store", symlinks=True))


def refused(ran: Ran, code: int, says: str, store: Path, before: dict[str, str]) -> None:
    """Check a run that must publish nothing."""
    assert ran.code == code, ran.err
    assert says in ran.last
    assert not [secret for secret in SECRETS if secret in ran.out + ran.err]
    assert "Traceback" not in ran.err
    after = {path: what for path, what in command.contents(store).items() if not path.startswith(".failed")}
    assert after == before


@pytest.mark.parametrize("name", BAD)
def test_what_nobody_can_use_is_refused(name: str, store: Path, tmp_path: Path) -> None:
    bad, before = BAD[name], command.contents(store)
    (tmp_path / "bad.xml").write_bytes(bad.content)
    ran = command.call("convert", tmp_path / "bad.xml", store, "--json")
    refused(ran, bad.code, bad.says, store, before)
    assert (ran.result["exit_code"], ran.result["message"]) == (ran.code, ran.last)
    if bad.code == 3:
        assert len(ran.lines) == 1
        assert ran.last.startswith("bad.xml: ")
    else:
        kept = [path for path in (store / ".failed").rglob("*") if path.suffix in {".json", ""} and path.is_file()]
        assert not [secret for path in kept for secret in SECRETS if secret in path.read_text()]


@pytest.mark.parametrize("name", ["truncated within a record", "text between records", "gzip with a broken CRC"])
def test_validate_refuses_it_likewise(name: str, tmp_path: Path) -> None:
    (tmp_path / "bad.xml").write_bytes(BAD[name].content)
    ran = command.call("validate", tmp_path / "bad.xml", "--report", "-")
    assert (ran.code, ran.out, BAD[name].says in ran.last) == (3, "", True)


def test_a_directory_and_nothing_at_all_are_no_exports(store: Path, tmp_path: Path) -> None:
    before = command.contents(store)
    refused(command.call("convert", tmp_path, store), 3, "it is a directory", store, before)
    refused(command.call("convert", tmp_path / "none.xml", store), 3, "none.xml: no such file", store, before)


def endless(begin: bytes, again: bytes, end: bytes = b"") -> Callable[[], Iterator[bytes]]:
    """About 200 MB as gzip, in pieces: what comes again and again is compressed only once."""

    def pieces() -> Iterator[bytes]:
        times = 200_000_000 // len(again)
        packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
        packed = [packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH) for part in (begin, again)]
        checksum = zlib.crc32(begin)
        yield b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed[0]
        for _ in range(times):  # after a full flush, nothing refers to what was before
            checksum = zlib.crc32(again, checksum)
            yield packed[1]
        yield packer.compress(end) + packer.flush()
        size = len(begin) + times * len(again) + len(end)
        yield struct.pack("<II", zlib.crc32(end, checksum), size)

    return pieces


HEAD, TAIL = (part.encode() for part in GOOD.decode().split(EMAIL)[:2])
LARGE = {
    "a text of 200 MB": (endless(HEAD, b"x" * 1_000_000, TAIL), "record"),
    "a comment of 200 MB": (endless(HEAD + b"<!--", b"x" * 1_000_000, b"-->" + TAIL), "record"),
    "an attribute of 200 MB": (endless(GOOD.split(b"<Person>")[0] + b'<Person x="', b"x" * 1_000_000), "record"),
    "a record with children without end": (endless(HEAD, b"</Epostadresse><Epostadresse>" * 10_000, TAIL), "record"),
    "elements nested without end": (endless(HEAD, b"<a>" * 100_000), "record"),
    "records nested in records": (endless(GOOD.split(b"<Person>")[0], b"<Person>" * 100_000), ""),
    "white space without end before the root": (endless(b"<?xml version='1.0'?>", b"\n" * 1_000_000), "root"),
    "a comment without end before the root": (endless(b"<!--", b"x" * 1_000_000), "root"),
    "a start tag without end": (endless(b"<et:Kontaktregister xmlns='", b"x" * 1_000_000), "root"),
    "white space without end between records": (endless(GOOD.split(b"<Person>")[0], b"\n" * 1_000_000), ""),
    "a comment without end after the root": (endless(GOOD + b"<!--", b"x" * 1_000_000), "after"),
    "zeros": (endless(b"", bytes(1_000_000)), "the input is not XML"),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_large_is_refused_in_bounded_memory(name: str, store: Path, tmp_path: Path) -> None:
    pieces, says = LARGE[name]
    before = command.contents(store)
    with (tmp_path / "bomb.xml.gz").open("wb") as file:
        file.writelines(pieces())
    ran = command.run("convert", tmp_path / "bomb.xml.gz", store, measure=tmp_path / "peak")
    refused(ran, 3, says, store, before)
    assert ran.peak < MEMORY


# Bad luck


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export that takes a second or two."""
    path = tmp_path_factory.mktemp("large") / "large.xml.gz"
    write_sample_file(path, SampleOptions(records=60_000, certificates=0, schema=load_schema("14-05")))
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_so_and_the_store_is_as_it_was(large: Path, published: Path, small_disk: Path) -> None:
    store = Path(shutil.copytree(published, small_disk / "store", symlinks=True))
    before = command.contents(store)
    for options in (("--format", "csv"), ("--compression", "none", "--rows-per-file", "122880")):
        ran = command.call("convert", large, small_disk / "new", *options, "--json")
        assert (ran.code, ran.result["exit_code"]) == (4, 4)
        assert ran.last.endswith("No space left on device; free some space and run again")
        assert command.contents(small_disk / "new") == {}
    refused(command.call("convert", large, store), 4, "free some space", store, before)


def test_a_store_that_may_not_be_written_is_said_so(tmp_path: Path) -> None:
    source = tmp_path / "export.xml"
    source.write_bytes(GOOD)
    (tmp_path / "file").write_text("")
    ran = command.call("convert", source, tmp_path / "file")
    assert ran.code == 4
    assert ran.last.endswith("file is a file, not a store; give a directory, the one of the snapshots or a new one")
    assert command.call("convert", source, tmp_path / "file/store").code == 4
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = subprocess.run(
        [*without_privileges(), *command.PROGRAM, "convert", source, locked],
        capture_output=True, env=command.environment(), check=False,
    )  # fmt: skip
    ran = Ran(done.returncode, "", done.stderr.decode())
    assert ran.code == 4, ran.err
    assert ran.last.endswith("Permission denied; give the user that runs this write access to the store")


def without_privileges() -> list[str]:
    """What to put before a command so that permissions hold for it, even if it is root's."""
    if os.getuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write anywhere, and setpriv is not installed")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


def test_a_store_that_another_run_holds_is_left_alone(large: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "export.xml").write_bytes(GOOD)
    before = command.contents(store)
    reader, writer = os.pipe()
    with command.started("convert", "-", store, stdin=reader) as first, os.fdopen(writer, "wb") as pipe:
        pipe.write(large.read_bytes()[:100_000])
        pipe.flush()
        command.wait_until(lambda: any(store.glob(".staging-*")))
        ran = command.call("convert", tmp_path / "export.xml", store)
        assert (ran.code, ran.last) == (4, f"another run holds the store {store}; wait until it has ended")
        first.terminate()
        assert first.wait(command.HANG) == 143
    assert command.contents(store) == before
    assert command.call("convert", tmp_path / "export.xml", store).code == 0


def assert_published_beside(before: dict[str, str], visible: dict[str, str], store: Path) -> None:
    """Check that there is one whole snapshot more; ``latest`` may not have followed it yet."""
    changed = {path for path in visible | before if visible.get(path) != before.get(path)} - {"latest"}
    [name] = {path.split("/")[0] for path in changed}
    assert name not in before
    assert os.readlink(store / "latest") in {name, before["latest"].split()[-1]}  # noqa: PTH115 - compared as text
    assert command.call("verify", store / name).code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_at_any_moment_publishes_all_or_nothing(
    number: signal.Signals, large: Path, store: Path
) -> None:
    before = command.contents(store)
    moments = random.Random(int(number))  # noqa: S311 - moments, no secrets
    for _ in range(5):
        with command.started("convert", large, store, "-q") as process:
            time.sleep(moments.uniform(0.2, 1.5))
            process.send_signal(number)
            _, err = process.communicate(timeout=command.HANG)
        assert b"Traceback" not in err
        if process.returncode == 0:  # it was quicker
            break
        assert process.returncode in {-number, 128 + number}
        visible = {path: what for path, what in command.contents(store).items() if not path.startswith(".staging-")}
        assert number == signal.SIGKILL or visible == command.contents(store), "nothing is left behind"
        if visible != before:  # it came between publishing and its end: then all of it is there
            assert_published_beside(before, visible, store)
            break
    ran = command.call("convert", large, store)
    assert ran.code == 0, ran.err
    assert command.call("verify", store / "latest").code == 0
    assert not list(store.glob(".staging-*"))


@pytest.mark.skipif(not os.access(SHARED_MEMORY, os.W_OK), reason="there is no second file system")
def test_the_store_may_lie_on_another_file_system_than_temporary_files(published: Path, tmp_path: Path) -> None:
    shared = SHARED_MEMORY / f"krr-export-test-{os.getpid()}"
    assert published.stat().st_dev != SHARED_MEMORY.stat().st_dev
    (tmp_path / "export.xml").write_bytes(GOOD)
    try:
        ran = command.run("convert", tmp_path / "export.xml", shared, env={"TMPDIR": str(tmp_path)})
        assert ran.code == 0, ran.err
        assert command.call("verify", shared / "latest").code == 0
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def test_too_little_memory_is_the_machines_failure(large: Path, store: Path) -> None:
    before = command.contents(store)
    for kilobytes in (400_000, 600_000):
        limited = ["sh", "-c", f'ulimit -v {kilobytes}; exec "$@"', "sh", *command.PROGRAM]
        convert = ["convert", str(large), str(store), "--workers", "0"]
        done = subprocess.run([*limited, *convert], capture_output=True, env=command.environment(), check=False)
        if done.returncode == 0:
            break
        refused(Ran(done.returncode, "", done.stderr.decode()), 4, "memory", store, before)


def test_a_loop_of_links_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "a.xml").symlink_to("b.xml")
    (tmp_path / "b.xml").symlink_to("a.xml")
    ran = command.call("convert", tmp_path / "a.xml", tmp_path / "store")
    last = f"{tmp_path / 'a.xml'} is a loop of symbolic links; let them lead to a file or directory"
    assert (ran.code, ran.last) == (3, last)


def test_no_more_threads_is_the_machines_failure(
    krr: Callable[..., command.Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none(_: object) -> None:
        raise RuntimeError("can't start new thread")

    (tmp_path / "export.xml").write_bytes(tiny_xml.export(*[tiny_xml.person()] * 9))
    monkeypatch.setattr("threading.Thread.start", none)
    ran = krr("validate", tmp_path / "export.xml", "-q")
    assert (ran.code, ran.last.partition(";")[0]) == (4, "no more threads or processes may be started")
