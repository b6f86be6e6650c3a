"""Files of pages are found by their names, and read by what is in them."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from typing import TYPE_CHECKING

import pytest
import register
from register import State

from krr_export.changes.page_files import PageFile, find_page_files
from krr_export.errors import InputError
from krr_export.input.http.rest_document import MAX_BYTES, MAX_PERSONS
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = load_schema("14-05")
REST, SOAP = (register.written(form, 6, 7, 7, [State("01851598730", mobile="æøå")]) for form in ("rest", "16-02"))


def test_of_a_directory_files_are_taken_that_are_named_as_pages_are(tmp_path: Path) -> None:
    for name in ("a.json", "b.xml.gz", "c.jsonl", "d.ndjson.gz", ".e.json", "f.json.part", "README.md"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "empty").mkdir()
    found = [file.path.name for file in find_page_files([tmp_path, tmp_path / "README.md"])]
    assert found == ["a.json", "b.xml.gz", "c.jsonl", "d.ndjson.gz", "README.md"], "what is named itself is taken"
    with pytest.raises(InputError, match="there are no pages in"):
        find_page_files([tmp_path / "empty"])


def test_a_page_is_the_same_whether_it_is_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(REST)
    (tmp_path / "small").write_bytes(gzip.compress(REST))
    [plain], [small] = ([*PageFile(tmp_path / name).pages(SCHEMA)] for name in ("plain", "small"))
    assert plain.range.sha256 == small.range.sha256
    assert plain.persons == small.persons


@pytest.mark.parametrize(
    "content",
    [
        REST,
        b"\xef\xbb\xbf\n " + REST,
        SOAP,
        b"\xef\xbb\xbf" + SOAP,
        SOAP.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
    ids=["JSON", "JSON with a mark", "XML", "XML with a mark", "UTF-16"],
)
def test_a_page_is_recognised_by_its_beginning_in_any_encoding(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page").write_bytes(content)
    [page] = PageFile(tmp_path / "page").pages(SCHEMA)
    assert "æøå" in page.persons[0].xml.decode()


def test_a_small_file_that_becomes_a_large_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.json.gz").write_bytes(gzip.compress(b" " * MAX_BYTES) + gzip.compress(b" "))
    with pytest.raises(InputError, match=re.escape("bomb.json.gz is larger than a page can be")):
        [*PageFile(tmp_path / "bomb.json.gz").pages(SCHEMA)]


def test_a_file_of_many_members_is_read_in_one_pass(tmp_path: Path) -> None:
    """What follows a member is not copied for each: that would take hours."""
    (tmp_path / "many.json.gz").write_bytes(gzip.compress(b"") * 100_000 + gzip.compress(REST))
    [page] = PageFile(tmp_path / "many.json.gz").pages(SCHEMA)
    assert page.range.sha256 == hashlib.sha256(REST).hexdigest()


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for given in (tmp_path, tmp_path / "pipe.json"):
        with pytest.raises(InputError, match="is no file"):
            find_page_files([given])


def test_thousands_of_namespaces_are_refused_before_they_are_copied_into_each_person(tmp_path: Path) -> None:
    many = b"".join(b' xmlns:n%d="urn:%d"' % (number, number) for number in range(200))
    page = SOAP.replace(b"<HentEndringerRespons", b"<HentEndringerRespons" + many).decode()
    encodings = {"utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16LE"}
    for codec, name in encodings.items():
        (tmp_path / f"{codec}.xml").write_bytes(page.replace("UTF-8", name).encode(codec))
        with pytest.raises(InputError, match="more than 100 attributes"):
            [*PageFile(tmp_path / f"{codec}.xml").pages(SCHEMA)]
    # In UTF-7 the tags would look like text to what counts attributes.
    (tmp_path / "utf-7.xml").write_bytes(b'<?xml version="1.0" encoding="UTF-7"?>' + page.encode("utf-7"))
    with pytest.raises(InputError, match=r"^utf-7\.xml: the document declares an encoding that is not accepted"):
        [*PageFile(tmp_path / "utf-7.xml").pages(SCHEMA)]


@pytest.mark.parametrize("nobody", [b"{}", b"[]"])
@pytest.mark.parametrize(("persons", "why"), [(20_000, "little but empty"), (100_001, "more than 100 000 persons")])
def test_a_page_of_nobody_is_refused_before_its_persons_are_made(
    tmp_path: Path, persons: int, why: str, nobody: bytes
) -> None:
    padding = b" " * (0 if persons < MAX_PERSONS else 20 * persons)
    page = b'{"fraEndringsId":6,"tilEndringsId":7,"sisteEndringsId":7,"list":[' + b",".join([nobody] * persons) + b"]"
    (tmp_path / "nobody.json").write_bytes(page + padding + b"}")
    with pytest.raises(InputError, match=why):
        [*PageFile(tmp_path / "nobody.json").pages(SCHEMA)]


@pytest.mark.parametrize(
    ("second", "line"),
    [(b'{"list": [],\n"list": []}', 3), (b'{"list": [],\n  oops}', 4), (b'{"list": [NaN]}', 3), (b"\xff", 1)],
    ids=["a key twice", "not JSON", "no number", "not UTF-8"],
)
def test_what_is_wrong_in_json_has_its_file_and_line(tmp_path: Path, second: bytes, line: int) -> None:
    """That of the fault if it is no JSON, else of the beginning of its document, or 1 if it is no text."""
    (tmp_path / "pages.jsonl").write_bytes(b'{"list": []}\n\n' + second + b"\n")
    with pytest.raises(InputError, match=rf"^pages\.jsonl, line {line}, is not the JSON of a page"):
        [*PageFile(tmp_path / "pages.jsonl").pages(SCHEMA)]
