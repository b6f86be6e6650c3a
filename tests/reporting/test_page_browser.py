"""In a real browser the page asks for nothing, shows the report's numbers, and can be used by anyone on any screen."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import pages
import pytest
from playwright.sync_api import sync_playwright

import krr_export
from krr_export.jobs.history import history
from krr_export.reporting.page.rendering import render_history
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from krr_export.reporting.page.languages.language import Lang

    Scheme = Literal["light", "dark"]
    Open = Callable[..., Page]

pytestmark = pytest.mark.slow

WIDTHS = (360, 768, 1000, 1280)
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """options => axe.run(document, options).then(found => (
    {violations: found.violations, passes: found.passes.map(one => one.id)}))"""
"""What axe complains of, and what it looked at: all that it looked at is as much as the page again for each rule."""
MARKS = "[...document.querySelectorAll('[data-of=\"%s\"] g[data-key]')].map(e => [e.dataset.key, +e.dataset.value])"
SERIES = (
    '[...document.querySelectorAll(\'[data-of="%s"] [data-series="%s"] [data-key]\')]'
    ".map(e => [e.dataset.key, +e.dataset.value])"
)
CELLS = """[...document.querySelectorAll('[data-of="%s"] tbody tr')].map(
    row => [...row.cells].map(cell => [cell.textContent, cell.dataset.value ?? null]))"""
OVERLAPPING = """[...document.querySelectorAll('svg.chart')].flatMap(svg => {
    const boxes = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
    return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([b, q]) =>
        p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 3 && q.top < p.bottom - 3
    ).map(([b]) => [a, b]));
})"""
STICKING_OUT = """[...document.querySelectorAll('.panel, .card, .figures > div')].flatMap(box => {
    const right = box.getBoundingClientRect().right - parseFloat(getComputedStyle(box).paddingRight);
    return [...box.querySelectorAll('svg.chart, svg.chart text, table, dd, p')]
        .filter(e => e.getBoundingClientRect().right > right + 1).map(e => e.textContent);
})"""
HIDDEN_EXAMPLES = """[...document.querySelectorAll('.examples')].flatMap(table => {
    const card = table.closest('.card').getBoundingClientRect();
    const around = [...table.querySelectorAll('*')].map(e => [e, e.getBoundingClientRect()]);
    const hidden = around.filter(([e, box]) => box.right > card.right || box.bottom > card.bottom);
    return [...hidden.map(([e]) => e.textContent), ...(table.closest('.scroll') ? ['scrolls'] : [])];
})"""
"""What of an example lies outside its card, or has to be scrolled to."""
A4 = round((210 - 2 * 14) / 25.4 * 96)
"""How wide a sheet is between its margins, in CSS pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        # As root, which containers are, Chromium runs without its sandbox only.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = 1280, scheme: Scheme = "light") -> Iterator[Page]:
    """A page that is looked at; whatever it asks for, and whatever the console says, fails the test."""
    asked: list[str] = []
    said: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if route.request.url == path.as_uri():
            route.continue_()
        else:
            route.abort()

    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.route("**/*", answer)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(path.as_uri())
        yield page
    finally:
        context.close()
    assert asked == [path.as_uri()]
    assert said == []


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes the page of a usual night, ``en`` or ``nb``, or that of the ``history`` into a file, each once."""
    directory = tmp_path_factory.mktemp("pages")

    @cache
    def write(name: str) -> Path:
        lang: Lang = "nb" if name == "nb" else "en"
        text = render_history(pages.history(), name="krr") if name == "history" else pages.page(
            pages.report(), pages.history(), lang=lang
        )  # fmt: skip
        path: Path = directory / f"{name}.html"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def usual(written: Callable[[str], Path]) -> Path:
    """The page of a usual night."""
    return written("en")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of a real run over a faulty sample, with a night before it."""
    directory = tmp_path_factory.mktemp("real")
    for seed, exported in ((1, "2026-03-01T04:30:00+01:00"), (2, "2026-03-02T04:30:00+01:00")):
        options = SampleOptions(1200, seed=seed, fault_share=0.3, exported=pages.moment(exported))
        write_sample_file(directory / "export.xml", options)
        result = krr_export.convert(
            directory / "export.xml", directory / "store", workers=0, max_rejects="100%", guard=False, changes=seed > 1
        )
    return result.path


def marks(page: Page, of: str) -> dict[str, int]:
    """What the bars of a figure stand for."""
    return dict(page.evaluate(MARKS % of))


def series(page: Page, of: str, name: str) -> dict[str, int]:
    """What the columns of one row of a figure stand for."""
    return dict(page.evaluate(SERIES % (of, name)))


def numbers(page: Page, of: str, column: int) -> list[float | None]:
    """A column of the table behind a figure; what is read there is the number that is meant."""
    found: list[float | None] = []
    for row in page.evaluate(CELLS % of):
        text, value = row[column]
        if value is not None and "." not in value:
            assert int(re.sub(r"[\s+]", "", text.split(" (")[0]).replace("\u2212", "-")) == int(value)
        found.append(None if value is None else float(value))
    return found


def present(counts: dict[str, int]) -> dict[str, int]:
    return {key: value for key, value in counts.items() if value}


# The numbers


def check_numbers(page: Page, report: pages.Json) -> None:
    """That whatever the page draws and lists is what the report has."""
    profile = report["profile"]
    for key in ("seen", "written", "rejected"):
        value = page.locator(f"[data-of='counts.{key}']")
        assert value.get_attribute("data-value") == str(report["counts"][key])
        assert re.sub(r"\s", "", value.inner_text()) == str(report["counts"][key])
    check_changes(page, report["changes"])
    notifiable = page.locator("[data-of='profile.notifiable']")
    assert re.sub(r"\s", "", notifiable.inner_text()) == str(profile["notifiable"])
    records = {one["code"]: one["records"] for one in report["findings"]}
    found = marks(page, "findings")
    assert found.items() <= records.items()
    assert len(found) == min(len(records), 20)
    assert sorted(numbers(page, "findings", 1)) == sorted(records.values())  # type: ignore[type-var] # none is without
    for one in report["findings"]:
        card = page.locator(f"#code-{one['code']}")
        assert card.locator(".many").get_attribute("data-value") == str(one["records"])
        fields = card.locator("[data-field]").evaluate_all("all => all.map(e => [e.dataset.field, +e.dataset.value])")
        assert dict(fields).items() <= one["fields"].items()
        shown = card.locator(".examples tbody tr").count()
        assert shown <= len(one["examples"])
        assert bool(shown) == bool(one["examples"])
    for number, age in enumerate(profile["contact_age"]):
        for column, name in enumerate(("newest", "updated", "verified"), start=1):
            assert series(page, f"contact_age/{number}", name) == age[name]
            assert sum(filter(None, numbers(page, f"contact_age/{number}", column))) == sum(age[name].values())
    nulls = {column["name"]: column["nulls"] for column in profile["columns"]}
    for name, values in profile["values"].items():
        assert marks(page, f"values/{name}") == present({**values, "null": nulls[name]})
        assert numbers(page, f"values/{name}", 1) == [*values.values(), nulls[name]]
    assert marks(page, "identifier_kinds") == present(profile["identifier_kinds"])
    assert numbers(page, "identifier_kinds", 1) == [*profile["identifier_kinds"].values()]
    both, channels = profile["channels"]["both"], profile["channels"]
    divided = {**channels, "mobile": channels["mobile"] - both, "email": channels["email"] - both}
    assert marks(page, "channels") == present(divided)
    for of, key in (("providers", "organisation_number"), ("email_domains", "domain")):
        listed = {one[key]: one["records"] for one in profile[of]}
        pooled = {"pooled": profile[f"{of}_pooled"]["records"]}
        assert marks(page, of) == present({**dict([*listed.items()][:10]), **pooled})
        assert numbers(page, of, 1) == [*listed.values(), *pooled.values()]
    assert marks(page, "columns") == present({name: profile["records"] - none for name, none in nulls.items()})
    assert numbers(page, "columns", 1) == [*nulls.values()]
    assert numbers(page, "columns", 4) == [one["length"] and one["length"]["mean"] for one in profile["columns"]]


def check_changes(page: Page, changes: pages.Json | None) -> None:
    """That what changed is told, where the report tells it."""
    for key in ("new", "changed", "deleted", "gone"):
        value = page.locator(f"[data-of='changes.{key}']")
        assert value.count() == (changes is not None)
        if changes is not None:
            assert re.sub(r"\s", "", value.inner_text()) == str(changes[key])


def test_charts_and_tables_hold_the_numbers_of_the_report(browser: Browser, usual: Path) -> None:
    with opened(browser, usual) as page:
        check_numbers(page, pages.report())
        lines = pages.history()
        records = {line.snapshot: line.records for line in lines} | {"eksport=20260226T112225Z": pages.WRITTEN}
        rejects = {line.snapshot: line.rejects for line in lines} | {"eksport=20260226T112225Z": 15}
        assert series(page, "history", "records") == records
        assert series(page, "history", "rejects") == rejects
        assert numbers(page, "history", 1) == [*reversed(records.values())]
        assert numbers(page, "history", 2) == [*reversed(rejects.values())]


def test_the_page_of_a_real_snapshot_holds_the_numbers_of_its_report(browser: Browser, real: Path) -> None:
    report = json.loads((real / "report.json").read_text())
    with opened(browser, real / "report.html") as page:
        check_numbers(page, report)
        both = {line.snapshot: line.records for line in history(real.parent)}
        assert len(both) == 2
        assert series(page, "history", "records") == both


def test_a_bar_is_as_long_as_its_share_and_a_column_as_high(browser: Browser, usual: Path) -> None:
    profile = pages.profile()
    with opened(browser, usual) as page:
        widths = page.locator("[data-of='values/status'] g").evaluate_all(
            "all => all.map(g => [g.dataset.key, g.querySelector('.bar').getBoundingClientRect().width"
            " / g.querySelector('.track').getBoundingClientRect().width])"
        )
        share = profile["values"]["status"]["AKTIV"] / profile["records"]
        assert dict(widths)["AKTIV"] == pytest.approx(share, abs=0.002)
        heights = dict(
            page.locator("[data-of='contact_age/0'] [data-series='newest'] rect").evaluate_all(
                "all => all.map(e => [e.dataset.key, e.getBoundingClientRect().height])"
            )
        )
        newest = profile["contact_age"][0]["newest"]
        assert heights["12"] / heights["0"] == pytest.approx(newest["12"] / newest["0"], abs=0.01)


def test_the_line_of_a_number_rises_and_falls_with_it_and_ends_in_tonights_point(browser: Browser, usual: Path) -> None:
    with opened(browser, usual) as page:
        for key in ("notifiable", "reserved", "mobile", "email", "mailbox", "mobile_too_old", "email_too_old"):
            nights = page.locator(f"[data-reach='{key}'] polyline").evaluate(
                """line => { const values = line.dataset.values.split(' ').map(Number), on = line.getScreenCTM();
                    const places = [...line.points].map(point => point.matrixTransform(on));
                    return places.map((place, night) => [values[night], place.x, place.y]); }"""
            )
            values, across, down = zip(*nights, strict=True)
            assert list(across) == sorted(across)
            span = max(values) - min(values)
            assert [(value - min(values)) / span for value in values] == pytest.approx(
                [(max(down) - y) / (max(down) - min(down)) for y in down], abs=0.01
            )
            dot = page.locator(f"[data-reach='{key}'] circle.last").bounding_box()
            assert dot is not None
            centre = (dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
            assert centre == pytest.approx((across[-1], down[-1]), abs=1)


def test_what_is_too_old_stands_behind_the_line_at_18_months_and_looks_different(browser: Browser, usual: Path) -> None:
    with opened(browser, usual) as page:
        line, columns = page.locator("#age-0").evaluate(
            "f => [f.querySelector('.limit').getBoundingClientRect().left,"
            " [...f.querySelectorAll('[data-series=newest] rect')].map("
            "e => [e.dataset.key, e.getBoundingClientRect().left, getComputedStyle(e).fill])]"
        )
        behind = {key for key, left, _ in columns if left >= line - 0.5}
        assert behind == {key for key, _, _ in columns if key == "120+" or (key.isdecimal() and int(key) >= 18)}
        assert {"url" in fill for key, _, fill in columns if key in behind} == {True}
        assert {"url" in fill for key, _, fill in columns if key not in behind} == {False}


# For anyone, on anything


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        *(("en", width, scheme) for width, scheme in zip(WIDTHS, ("light", "dark", "light", "dark"), strict=True)),
        *((name, *way) for name in ("nb", "history") for way in ((360, "dark"), (1280, "light"))),
    ],
)
def test_axe_finds_nothing_to_complain_of(
    browser: Browser, written: Callable[[str], Path], name: str, width: int, scheme: Scheme
) -> None:
    with opened(browser, written(name), width=width, scheme=scheme) as page:
        if name == "nb":
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.evaluate(AXE)
        options = {
            "runOnly": {"type": "tag", "values": TAGS},
            "rules": {"target-size": {"enabled": True}},
            "resultTypes": ["violations"],
        }
        found: Any = page.evaluate(FOUND, options)
    wrong = [
        (one["id"], node["target"], node["failureSummary"]) for one in found["violations"] for node in one["nodes"]
    ]
    assert wrong == []
    looked_at = set(found["passes"])
    assert {"color-contrast", "heading-order", "region", "html-has-lang", "summary-name"} <= looked_at
    if name != "history":
        assert {"target-size", "svg-img-alt"} <= looked_at


@pytest.mark.parametrize("width", [320, 360, 390, 768, 1000, 1200, 1400, 1600])
@pytest.mark.parametrize("lang", ["en", "nb"])
def test_nothing_sticks_out_and_no_two_labels_overlap(
    browser: Browser, written: Callable[[str], Path], width: int, lang: Lang
) -> None:
    with opened(browser, written(lang), width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") == width, "tables scroll by themselves"
        assert page.locator(".examples").count() > 0
        assert page.evaluate(HIDDEN_EXAMPLES) == []
        assert page.evaluate(STICKING_OUT.replace(".panel", ".trend")) == [], "other panels have tables that scroll"
        if width >= min(WIDTHS):
            assert page.evaluate(OVERLAPPING) == []


def test_all_of_it_can_be_reached_and_opened_by_keyboard(browser: Browser, usual: Path) -> None:
    with opened(browser, usual, width=360) as page:
        page.keyboard.press("Tab")
        skip = page.locator(":focus")
        assert skip.get_attribute("class") == "skip"
        assert skip.bounding_box()["x"] >= 0  # type: ignore[index] # it is shown once it has the focus
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.parentElement.open") is True
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "scroll", (
            "a table that scrolls can be scrolled by keys"
        )


def test_it_is_printed_on_white_without_what_cannot_be_clicked_on_paper(browser: Browser, usual: Path) -> None:
    with opened(browser, usual, scheme="dark") as page:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("nav").is_visible()
        assert page.locator("h1").is_visible()
        assert page.locator("summary").first.is_hidden()


@pytest.mark.parametrize("opens", [False, True], ids=["closed", "open"])
@pytest.mark.parametrize("name", ["en", "nb", "history"])
def test_on_a_sheet_nothing_is_cut_and_no_two_labels_overlap(
    browser: Browser, written: Callable[[str], Path], name: str, *, opens: bool
) -> None:
    with opened(browser, written(name), width=A4) as page:
        page.emulate_media(media="print")
        if opens:
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.locator("svg.chart").first.is_visible()
        assert page.locator("details:not([open]) summary:visible").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == A4
        assert page.evaluate(STICKING_OUT) == []
        assert page.evaluate(OVERLAPPING) == []


def test_markup_from_the_sender_does_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    report = pages.report()
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>"
    report["source"]["name"] = attack
    report["findings"][0]["examples"][0]["detail"] = attack
    report["profile"]["email_domains"][0]["domain"] = attack
    path = tmp_path / "attack.html"
    path.write_text(pages.page(report, pages.history()))
    with opened(browser, path) as page:
        assert page.locator("img, script").count() == 0
        assert attack in page.locator("#facts").inner_text()
