"""Reservations and contact information: the numbers, their change since the night before, and those of the nights."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pages
import pytest
from lxml import html

import krr_export
from krr_export.reporting.formats import FORMATS, render_report
from krr_export.reporting.page.languages.by_code import language
from krr_export.reporting.page.languages.language import LANGUAGES
from krr_export.reporting.report_file import read_report
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from command import Ran

    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.page.languages.language import Lang

    Krr = Callable[..., Ran]

pytestmark = pytest.mark.slow

KEYS = ("notifiable", "reserved", "mobile", "email", "mailbox", "mobile_too_old", "email_too_old")
TONIGHT = dict(zip(KEYS, (301_877, 11_604, 334_019, 365_232, 174_739, 129_624, 171_615), strict=True))
"""What `pages.report` says."""

COUNTED = """
    SELECT count(*) FILTER (reservasjon = 'JA') AS reserved, count(mobiltelefonnummer) AS mobile,
        count(epostadresse) AS email, count(postkasseadresse) AS mailbox
    FROM read_parquet('{}/person/*.parquet')"""


def shown(page: str) -> dict[str, dict[str, str]]:
    """What stands on each card: its number, what is beside it, the change, the nights' numbers and their range."""
    document = html.fromstring(page)
    places = {
        "value": "string(@data-value)", "text": "string(p[@class='big'])", "beside": "string(p[@class='soft'])",
        "change": "string(p[@class='change'])", "nights": "string(.//@data-values)", "span": "string(p[@class='note'])",
    }  # fmt: skip
    return {
        str(card.get("data-reach")): {name: plain(str(card.xpath(path))) for name, path in places.items()}
        for card in document.xpath("//section[@id='reach']//figure")
    }


def plain(text: str) -> str:
    """A text with usual spaces, or none in numbers."""
    return (
        text.replace("\N{NARROW NO-BREAK SPACE}", "").replace("\N{NO-BREAK SPACE}", " ").replace("\u2060", "").strip()
    )


def figure(page: str, label: str) -> list[str]:
    """The key figure of that name: its number, and what is beside it."""
    return [plain(str(part.text_content())) for part in html.fromstring(page).xpath(f"//dl/div[dt='{label}']/dd")]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_number_has_its_change_since_the_night_before_and_those_of_all_nights(lang: Lang) -> None:
    lines = pages.history()
    cards = shown(pages.page(pages.report(), lines, lang=lang))
    assert tuple(cards) == KEYS
    for key, card in cards.items():
        before = [getattr(line.reach, key) for line in lines]
        nights = [*before, TONIGHT[key]]
        assert (int(card["value"]), int(card["text"])) == (TONIGHT[key], TONIGHT[key])
        assert card["nights"] == " ".join(map(str, nights))
        change = int(card["change"].partition(" ")[0].replace("\N{MINUS SIGN}", "-"))
        assert change == TONIGHT[key] - before[-1] != 0
        assert card["span"].endswith(f": {min(nights)}\N{EN DASH}{max(nights)}")
    share, percent = {"en": ("38.8% of the numbers", "(+0.40%)"), "nb": ("38,8 % av numrene", "(+0,40 %)")}[lang]
    assert cards["mobile_too_old"]["beside"] == share
    assert cards["reserved"]["change"].endswith(percent)


def test_the_table_has_the_numbers_of_every_night_the_newest_first() -> None:
    lines = pages.history()
    rows = html.fromstring(pages.page(pages.report(), lines)).xpath("//*[@data-of='reach']//tbody/tr")
    found = [[int(str(value)) for value in row.xpath("td/@data-value")] for row in rows]
    assert found == [[*TONIGHT.values()], *([getattr(line.reach, key) for key in KEYS] for line in reversed(lines))]


def test_of_the_first_night_the_numbers_are_there_without_change_or_line() -> None:
    page = pages.page(pages.report(changes=None))
    for key, card in shown(page).items():
        assert (int(card["value"]), card["change"], card["nights"]) == (TONIGHT[key], "", "")
    assert "since the night before" not in html.fromstring(page).xpath("string(//section[@id='reach'])")
    assert figure(page, "May be notified") == ["301877", "77.8% of the accepted"]


def test_at_most_thirty_nights_are_shown() -> None:
    day = "eksport=202601{:02}T112225Z"
    lines = [replace(pages.history(1)[0], snapshot=day.format(number), damage=None) for number in range(1, 32)]
    for card in shown(pages.page(pages.report(), lines)).values():
        assert len(card["nights"].split()) == 30


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_report_without_the_numbers_says_so_in_their_place(lang: Lang) -> None:
    names = {"en": ("May be notified", "not counted (--no-profile)", "not in this report"),
             "nb": ("Kan varsles", "ikke talt (--no-profile)", "ikke i denne rapporten")}  # fmt: skip
    label, uncounted, unknown = names[lang]
    page = pages.page(pages.report(profile=None), pages.history(), lang=lang)
    assert (figure(page, label), shown(page)) == (["\N{EN DASH}", uncounted], {})
    assert "--no-profile" in html.fromstring(page).xpath("string(//section[@id='reach'])")
    older = pages.report()
    del older["profile"]["notifiable"], older["profile"]["values"]["reservasjon"]
    older["profile"]["contact_age"] = []
    older["profile"]["columns"] = [one for one in older["profile"]["columns"] if one["name"] != "postkasseadresse"]
    page = pages.page(older, pages.history(), lang=lang)
    assert figure(page, label) == ["\N{EN DASH}", unknown]
    cards = shown(page)
    lacking = [key for key, card in cards.items() if card["text"] == "\N{EN DASH}"]
    assert lacking == ["notifiable", "reserved", "mailbox", "mobile_too_old", "email_too_old"]
    assert {(cards[key]["beside"], cards[key]["change"], cards[key]["nights"]) for key in lacking} == {
        (unknown, "", "")
    }


def without_number(line: HistoryLine) -> HistoryLine:
    assert line.reach is not None
    return replace(line, reach=replace(line.reach, notifiable=None))


def without_profile(line: HistoryLine) -> HistoryLine:
    return replace(line, reach=None)


def damaged(line: HistoryLine) -> HistoryLine:
    return replace(line, records=None, rejects=None, findings=None, reach=None, damage="manifest.json is missing")


@pytest.mark.parametrize("spoil", [without_number, without_profile, damaged])
def test_a_night_that_lacks_a_number_is_passed_over_and_not_compared_with(
    spoil: Callable[[HistoryLine], HistoryLine],
) -> None:
    lines = list(pages.history(5))
    lines[1], lines[4] = spoil(lines[1]), spoil(lines[4])
    card = shown(pages.page(pages.report(), lines))["notifiable"]
    assert card["change"] == "not counted the night before"
    assert card["nights"].split() == ["299800", "300140", "300310", "301877"]
    lines[4] = pages.history(5)[4]
    card = shown(pages.page(pages.report(), lines))["notifiable"]
    assert card["change"].startswith(f"+{301_877 - 300_480} ")


def test_what_does_not_change_is_a_level_line_and_none_at_all_has_no_percentage() -> None:
    report = pages.report()
    report["profile"]["values"]["reservasjon"]["JA"] = 0
    lines = [replace(line, reach=replace(line.reach, reserved=0)) for line in pages.history(3) if line.reach]
    page = pages.page(report, lines)
    assert (shown(page)["reserved"]["change"], shown(page)["reserved"]["nights"]) == ("±0", "0 0 0 0")
    [points] = html.fromstring(page).xpath("//figure[@data-reach='reserved']//polyline/@points")
    assert len({point.partition(",")[2] for point in str(points).split()}) == 1


@pytest.mark.parametrize(("outcome", "kind"), [("published", "dot last"), ("partial", "dot unpublished")])
def test_the_point_of_an_export_that_is_not_published_is_hollow(outcome: str, kind: str) -> None:
    document = html.fromstring(pages.page(pages.report(outcome=outcome), pages.history()))
    assert set(document.xpath("//section[@id='reach']//circle/@class")) == {kind}


# A store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a night of the first version, which counted none of this, and two of today's."""
    directory = tmp_path_factory.mktemp("nights")
    first = directory / "store/eksport=20260226T112225Z"
    shutil.copytree(Path(__file__).parent / "first_version", first)
    (first / "_SUCCESS").touch()
    for day, records in ((1, 900), (2, 1500)):
        path = directory / "export.xml"
        exported = pages.moment(f"2026-03-0{day}T04:30:00+01:00")
        write_sample_file(path, SampleOptions(records, seed=day, exported=exported))
        krr_export.convert(path, directory / "store", workers=0, guard=False, changes=day > 1)
    return directory / "store"


def counted(snapshot: Path) -> dict[str, int]:
    """The numbers as the table has them; of what depends on ages, as report.json has it."""
    row = duckdb.connect().execute(COUNTED.format(snapshot)).fetchone() or ()
    profile = json.loads((snapshot / "report.json").read_text())["profile"]
    old = {one["column"]: one["older_than_18_months"] for one in profile["contact_age"]}
    ages = (old["mobiltelefonnummer"], old["epostadresse"])
    return dict(zip(KEYS, (profile["notifiable"], *row, *ages), strict=True))


def test_the_page_in_a_store_follows_what_its_tables_hold(store: Path) -> None:
    first, second = sorted(store.glob("eksport=202603*"))
    before, now = counted(first), counted(second)
    assert [key for key in KEYS if before[key] == now[key]] == []
    for key, card in shown((second / "report.html").read_text()).items():
        assert card["nights"] == f"{before[key]} {now[key]}", "the first version's night is passed over"
        assert card["change"].startswith(plain(language("en").signed(now[key] - before[key])))
    assert {card["change"] for card in shown((first / "report.html").read_text()).values()} == {
        "not counted the night before"
    }


def test_the_page_of_changes_has_new_gone_and_changed(store: Path) -> None:
    summary = json.loads((store / "latest/report.json").read_text())["changes"]
    document = html.fromstring((store / "latest/report.html").read_text())
    for key in ("new", "changed", "deleted", "gone"):
        assert document.xpath(f"//section[@id='changes']//*[@data-of='changes.{key}']/@data-value") == [
            str(summary[key])
        ]
    assert summary["new"] > 0
    assert summary["gone"] > 0


def test_the_history_tells_them_too(krr: Krr, store: Path) -> None:
    told = json.loads(krr("history", store, "--json").out)
    assert [line["reach"] and {key: line["reach"][key] for key in KEYS} for line in told] == [
        None, *(counted(snapshot) for snapshot in sorted(store.glob("eksport=202603*"))),
    ]  # fmt: skip


def test_every_format_says_how_many_may_be_notified_or_that_it_is_not_counted(store: Path) -> None:
    report, number = read_report((store / "latest").resolve()), counted(store / "latest")["notifiable"]
    spaced = f"{number:,}".replace(",", " ")
    said = {"markdown": rf"\| may be notified \| {spaced} \(", "junit": f'name="notifiable" value="{number}"',
            "json": f'"notifiable": {number}\\b', "text": f"reachable {spaced} may be notified"}  # fmt: skip
    assert said.keys() == {*FORMATS}
    for name, pattern in said.items():
        assert re.search(pattern, render_report(report, name)), name
    unknown = {"markdown": "| may be notified | not counted |", "junit": 'name="notifiable" value=""'}
    for without in (None, pages.profile() | {"notifiable": None}):
        for name, text in unknown.items():
            assert text in render_report(pages.typed(pages.report(profile=without)), name)
