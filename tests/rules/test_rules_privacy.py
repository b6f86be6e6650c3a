"""Whatever value breaks a rule, and however: nothing that a run says or writes holds it, but the data files."""

from __future__ import annotations

import base64
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

import discretion
import msgspec
import pyarrow.parquet as pq
import pytest
from exports import certificates, tiny_xml
from hypothesis import given, settings
from hypothesis import strategies as st

from krr_export.cli.main import main
from krr_export.findings.detail import Detail
from krr_export.reporting.formats import FORMATS, render_report
from krr_export.reporting.page.rendering import render
from krr_export.reporting.report import Report
from krr_export.rules import stage
from krr_export.rules.catalogue import RULE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

Make: TypeAlias = "Callable[[Chance], str]"

DATA = ("person", "rejects")
"""Directories of a snapshot that hold values."""


@dataclass
class Chance:
    """Characters that occur nowhere else, whatever hypothesis likes: its favourites, such as 000000, are everywhere."""

    seed: int
    drawn: int = 0

    def digits(self, count: int) -> str:
        """So many digits, others each time."""
        return f"{int(self._hex(), 16):0100d}"[-count:]

    def letters(self, count: int = 16) -> str:
        """So many letters."""
        return self._hex().translate(str.maketrans("0123456789", "ghijkmnpqr"))[:count]

    def _hex(self) -> str:
        self.drawn += 1
        return sha256(f"{self.seed} {self.drawn}".encode()).hexdigest()


IDENTIFIERS: tuple[Make, ...] = (
    lambda chance: f"{chance.digits(10)}X",
    lambda chance: chance.digits(11),
    lambda chance: f"32{chance.digits(9)}",
    lambda chance: chance.letters(11),
)
MOBILES: tuple[Make, ...] = (
    lambda chance: f"1{chance.digits(7)}",
    lambda chance: f"+47 1{chance.digits(9)}",
    lambda chance: chance.letters(),
    lambda chance: f"+{chance.digits(10)}-",
)
EMAILS: tuple[Make, ...] = (
    lambda chance: chance.letters(),
    lambda chance: f"{chance.letters()}@@{chance.letters()}.no",
    lambda chance: f"{chance.letters()}@{chance.letters()}.no",
    lambda chance: f"{chance.letters()} {chance.letters()}",
    lambda chance: f"{chance.letters()}\u00e6@-{chance.letters()}",
)
ADDRESSES: tuple[Make, ...] = (
    lambda chance: chance.digits(10),
    lambda chance: chance.letters(),
    lambda chance: f"{chance.letters()}#{chance.letters(8)}",
)
KNOWN = ("984661185", "996460320", "974760673", "123456789")
"""Organisation numbers that are no secret: of two providers, of another organisation, and of nobody."""
PROVIDERS: tuple[Make, ...] = (lambda chance: chance.digits(9), *(lambda _, known=known: known for known in KNOWN))
CERTIFICATES: tuple[Callable[[Chance], dict[str, str] | str], ...] = (
    lambda chance: chance.letters(32),
    lambda chance: {"CN": chance.letters(), "serialNumber": chance.digits(11), "emailAddress": chance.letters()},
    lambda chance: {"O": chance.letters(), "organizationIdentifier": f"NTRNO-{chance.digits(9)}"},
)
TIMES = ("1999-01-01T00:00:00Z", "2025-06-01T00:00:00Z", "2031-01-01T00:00:00Z")
EXPORTED = ("2024-06-01T00:00:00Z", "2026-02-26T12:00:00Z", "2027-12-01T00:00:00Z", "2030-01-01T00:00:00Z")


@dataclass(frozen=True)
class ExpectedFinding:
    """An export, and the values in it that nothing may say."""

    xml: bytes
    values: frozenset[str]


@st.composite
def exports(draw: st.DrawFn) -> ExpectedFinding:
    """Exports whose values break rules, each in a way of its own."""
    chance = Chance(draw(st.integers(0, 2**32)))
    values: set[str] = set()
    persons = [_person(draw, chance, values) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        persons.append(persons[0])
    exported = f'eksportTidspunkt="{draw(st.sampled_from(EXPORTED))}" senesteEndringsNummer="1"'
    root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {exported}'
    return ExpectedFinding(tiny_xml.export(*persons, root=root), frozenset(values))


def _person(draw: st.DrawFn, chance: Chance, values: set[str]) -> str:
    def value(ways: tuple[Make, ...]) -> str:
        text = draw(st.sampled_from(ways))(chance)
        if text not in KNOWN:
            values.add(text)
        return text

    def times() -> str:
        names = ("sistOppdatert", "sistVerifisert")
        return " ".join(f'{name}="{draw(st.sampled_from(TIMES))}"' for name in names if draw(st.booleans()))

    inner = [f"<status>{draw(st.sampled_from(['AKTIV', 'SLETTET', 'IKKE_REGISTRERT']))}</status>"]
    if draw(st.booleans()):
        mobile = f"<Mobiltelefonnummer {times()}>{value(MOBILES)}</Mobiltelefonnummer>"
        email = f"<Epostadresse {times()}>{value(EMAILS)}</Epostadresse>"
        inner.append(f"<Kontaktinformasjon>{mobile}{email}</Kontaktinformasjon>")
    if draw(st.booleans()):
        inner.append(
            f"<SikkerDigitalPostAdresse><postkasseadresse>{value(ADDRESSES)}</postkasseadresse>"
            f"<postkasseleverandoerAdresse>{value(PROVIDERS)}</postkasseleverandoerAdresse></SikkerDigitalPostAdresse>"
        )
    if draw(st.booleans()):
        subject = draw(st.sampled_from(CERTIFICATES))(chance)
        values.update([subject] if isinstance(subject, str) else subject.values())
        der = subject.encode() if isinstance(subject, str) else certificates.made(**subject)
        encoded = base64.b64encode(der).decode()
        values.add(encoded)
        inner.append(f"<X509Sertifikat>{encoded}</X509Sertifikat>")
    return tiny_xml.person(*inner, identifier=value(IDENTIFIERS))


def pieces(value: str) -> set[bytes]:
    """A value, both its halves, and its words, which no format escapes: of eight characters or more, against chance."""
    size = max(8, len(value) // 2)
    return {piece.encode() for piece in (value, value[:size], value[-size:], *re.findall("[A-Za-z0-9]{8,}", value))}


def everything_said(planted: ExpectedFinding, strict: tuple[str, ...], directory: Path) -> tuple[dict[str, str], Path]:
    """Convert an export as people do: all that is said of it, by where it is said, and the result's directory."""
    source, store = directory / "export.xml", directory / "store"
    source.write_bytes(planted.xml)
    asked = ["convert", str(source), str(store), "--workers", "0", "--max-rejects", "100%", "--verbose", "--json"]
    asked += ["--max-ahead", "9999d"]  # some of the exports are made in years to come
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*asked, *(part for name in strict for part in ("--strict", name))])
    assert code in {0, 1}, err.getvalue()
    [path] = (found.parent for found in store.rglob("manifest.json"))
    said = {"stdout": out.getvalue(), "stderr": err.getvalue()}
    for file in path.rglob("*"):
        name = str(file.relative_to(path))
        said["names"] = f"{said.get('names', '')}\n{name}"
        if file.is_file() and not name.startswith(DATA):
            is_table = file.suffix == ".parquet"  # findings
            said[name] = str(pq.read_table(file).to_pylist()) if is_table else file.read_bytes().decode()
    report = json.loads(said["report.json"])
    typed = msgspec.convert(report, Report)
    said |= {form: render_report(typed, form) for form in FORMATS if form != "json"}
    said["page in Norwegian"] = render(typed, lang="nb")
    return said, path


def leaking(said: dict[str, str], planted: ExpectedFinding) -> set[str]:
    """Where a planted value is said."""
    for value in planted.values:
        discretion.plant(*pieces(value))
    return {place for place, text in said.items() if discretion.leaks(text)}


def test_no_value_that_breaks_a_rule_is_in_anything_that_is_said(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = set[str]()

    @settings(max_examples=40)
    @given(planted=exports(), strict=st.lists(st.sampled_from(RULE_NAMES), max_size=3, unique=True))
    def judged(planted: ExpectedFinding, strict: list[str]) -> None:
        discretion.everything_said()
        said, path = everything_said(planted, tuple(strict), tmp_path_factory.mktemp("run"))
        assert leaking(said, planted) == set()
        assert leaking({"errors and logs": discretion.everything_said()}, planted) == set()
        report = json.loads(said["report.json"])
        broken.update(finding["code"] for finding in report["findings"])
        rejects = pq.read_table(path / "rejects")
        assert rejects.num_rows == report["counts"]["rejected"]
        about = rejects.drop_columns(["record"]).to_pylist()
        assert leaking({"rejects, but for the records": json.dumps(about, default=str)}, planted) == set()
        for row, record in zip(about, rejects["record"].to_pylist(), strict=True):
            assert set(row["codes"]) <= set(strict)
            assert record in planted.xml

    for _ in discretion.listening(monkeypatch):
        judged()
    assert broken <= set(RULE_NAMES), "all of it is valid by the XSD"
    assert len(broken) > 20, "hardly any rule was broken"


@pytest.mark.parametrize(
    "leak",
    [str, lambda value: value[: len(value) // 2], lambda value: value[-len(value) // 2 :], lambda v: v.encode().hex()],
    ids=["all of it", "its first half", "its second half", "in hexadecimal"],
)
def test_a_value_that_leaks_is_found_wherever_it_is_said(
    leak: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = f"{Chance(1).letters()}@@{Chance(2).letters()}.no"
    planted = ExpectedFinding(tiny_xml.export(tiny_xml.person(tiny_xml.contact(email))), frozenset({email}))
    (tmp_path / "before").mkdir()
    said, _ = everything_said(planted, ("email-syntax",), tmp_path / "before")
    assert leaking(said, planted) == set()
    monkeypatch.setattr(stage, "mask", lambda value: Detail("element of an old name", name=leak(value)))
    said, path = everything_said(planted, ("email-syntax",), tmp_path)
    assert leaking(said, planted) >= {"report.json", "report.html", "page in Norwegian", "markdown", "junit"}
    [messages] = pq.read_table(path / "rejects")["messages"].to_pylist()
    assert leaking({"messages": str(messages)}, planted) == {"messages"}
