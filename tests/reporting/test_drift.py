"""The guard: an export unlike the one before it is kept back, says why and how to accept it; noise keeps none back."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pages
import pytest
from exports import tiny_xml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import krr_export
from krr_export.errors import UsageError
from krr_export.output.snapshot import verify
from krr_export.reporting.drift import compare, compare_order
from krr_export.reporting.guard import Guard
from krr_export.reporting.guard_limits import GuardLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from command import Ran

    from krr_export.reporting.report import Report

    Krr = Callable[..., Ran]

pytestmark = pytest.mark.slow

Json = dict[str, Any]

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/report.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
BAD = tiny_xml.person("<status>X</status>")


def report(
    records: int, *, rejects: int = 0, change_number: int = 7, shares: Json | None = None, nulls: Json | None = None
) -> Report:
    """A report as far as the guard looks at it; with a profile if shares or nulls are given."""
    accepted = records - rejects
    columns = [{"name": name, "nulls": count, "empty": 0, "length": None} for name, count in (nulls or {}).items()]
    profile = pages.profile() | {"records": accepted, "values": shares or {}, "columns": columns}
    return pages.typed(
        pages.report(
            header=pages.report()["header"] | {"seneste_endringsnummer": change_number},
            counts={"seen": records, "written": accepted, "rejected": rejects},
            profile=None if shares is None and nulls is None else profile,
        )
    )


def found(now: Report, before: Report, **limits: int | str) -> list[str]:
    return [difference.what for difference in compare(now, before, GuardLimits.from_options(**limits))]


# Records


@pytest.mark.parametrize(
    ("before", "now", "limits", "expected"),
    [
        (100_000, 100_000, {}, []),
        (100_000, 95_000, {}, []),
        (100_000, 94_999, {}, ["records-dropped"]),
        (100_000, 40, {}, ["records-dropped"]),
        (100_000, 0, {}, ["records-dropped"]),
        (100_000, 0, {"max_drop": "100%"}, []),
        (100_000, 89_999, {"max_drop": "10%"}, ["records-dropped"]),
        (100_000, 99_000, {"max_drop": 1000}, []),
        (100_000, 98_999, {"max_drop": "1000"}, ["records-dropped"]),
        (100_000, 99_899, {"max_drop": "0%"}, ["records-dropped"]),
        (100_000, 99_999, {"max_drop": 0}, ["records-dropped"]),
        (100_000, 120_000, {}, []),
        (100_000, 120_001, {}, ["records-grown"]),
        (100_000, 350_000, {"max_growth": "250%"}, []),
        (100_000, 100_003, {"max_growth": 2}, ["records-grown"]),
        (4_600_000, 4_100_000, {}, ["records-dropped"]),
    ],
)
def test_records_are_held_to_their_limit_exactly(before: int, now: int, limits: Json, expected: list[str]) -> None:
    assert found(report(now), report(before), **limits) == expected


@pytest.mark.parametrize(
    ("before", "now", "limits", "expected"),
    [
        (5, 3, {}, []),
        (5, 0, {}, []),
        (0, 5_000_000, {}, []),
        (100, 5_000_000, {}, []),
        (300, 200, {}, []),
        (300, 199, {}, ["records-dropped"]),
        (300, 400, {}, []),
        (300, 401, {}, ["records-grown"]),
        (5, 3, {"max_drop": 1}, ["records-dropped"]),
        (0, 5, {"max_growth": 4}, ["records-grown"]),
    ],
)
def test_per_cent_of_few_records_is_noise_but_a_number_is_meant(
    before: int, now: int, limits: Json, expected: list[str]
) -> None:
    assert found(report(now), report(before), **limits) == expected


# Shares


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ((10_000, 500), (10_000, 0), []),
        ((10_000, 501), (10_000, 0), ["rejects"]),
        ((10_000, 0), (10_000, 9_000), []),
        ((2_000, 100), (2_000, 0), []),
        ((2_000, 101), (2_000, 0), ["rejects"]),
        ((2_000, 190), (20_000, 200), ["records-dropped", "rejects"]),
        ((20_000, 200), (2_000, 190), ["records-grown"]),
        ((200, 100), (200, 0), []),
    ],
)
def test_only_more_rejects_are_held_against_an_export(
    now: tuple[int, int], before: tuple[int, int], expected: list[str]
) -> None:
    assert found(report(now[0], rejects=now[1]), report(before[0], rejects=before[1])) == expected


@pytest.mark.parametrize("part", [1_000, 500, 499, 1_500, 1_501])
def test_shares_of_values_and_of_nulls_are_held_to_their_limit_in_both_directions(part: int) -> None:
    before = report(10_000, shares={"status": {"AKTIV": 1_000}}, nulls={"epostadresse": 1_000})
    now = report(10_000, shares={"status": {"AKTIV": part}}, nulls={"epostadresse": part})
    assert found(now, before) == ([] if 500 <= part <= 1_500 else ["value", "nulls"])


def test_shares_are_compared_between_exports_of_any_size() -> None:
    before = report(100_000, shares={"status": {"AKTIV": 90_000, "SLETTET": 10_000}})
    now = report(99_000, shares={"status": {"AKTIV": 80_000, "SLETTET": 19_000}})
    assert [(d.column, d.value, d.before, d.now) for d in compare(now, before, GuardLimits.from_options())] == [
        ("status", "AKTIV", 90.0, 80.808081),
        ("status", "SLETTET", 10.0, 19.191919),
    ]


def test_a_share_that_both_hold_for_few_records_is_noise() -> None:
    few = report(100, shares={"status": {"AKTIV": 100}}, nulls={"epostadresse": 100})
    none = report(100, shares={"status": {"AKTIV": 0}}, nulls={"epostadresse": 0})
    assert found(few, none) == []
    many = report(1_000_000, shares={"status": {"AKTIV": 0}}, nulls={"epostadresse": 0})
    assert found(few, many, max_drop="100%") == []


def test_columns_and_values_that_one_of_them_does_not_have_are_passed_over() -> None:
    before = report(10_000, shares={"gone": {"A": 10_000}, "status": {"OLD": 10_000}}, nulls={"gone": 0})
    now = report(10_000, shares={"new": {"B": 10_000}, "status": {"NEW": 10_000}}, nulls={"new": 10_000})
    assert found(now, before) == []


def test_without_a_profile_on_both_sides_no_shares_are_compared() -> None:
    profiled = report(10_000, nulls={"epostadresse": 10_000})
    assert found(profiled, report(10_000)) == []
    assert found(report(10_000), profiled) == []


def test_an_export_without_accepted_records_has_no_shares() -> None:
    now = report(0, shares={"status": {"AKTIV": 0}}, nulls={"epostadresse": 0})
    before = report(10_000, shares={"status": {"AKTIV": 10_000}}, nulls={"epostadresse": 0})
    assert found(now, before) == ["records-dropped"]
    assert found(before, now) == []


# The change number


def test_the_change_number_must_not_go_backwards_in_either_direction() -> None:
    for number, expected in ((6, ["change-number"]), (7, []), (8, [])):
        assert found(report(9, change_number=number), report(9, change_number=7)) == expected
        later = compare_order(report(9, change_number=7), report(9, change_number=number))
        assert [difference.what for difference in later] == expected


# What is said


def test_what_differs_most_comes_first_and_is_told_with_its_numbers() -> None:
    before = report(4_600_000, rejects=0, nulls={"epostadresse": 460_000})
    now = report(4_094_000, rejects=0, nulls={"epostadresse": 3_275_200})
    nulls, dropped = compare(now, before, GuardLimits.from_options())
    assert nulls.text == (
        "epostadresse missing: 80.0% of the records, before 10.0%, a shift of 70.0 points (--max-shift 5%)"
    )
    assert dropped.text == "4 094 000 records, before 4 600 000: 11.0% fewer (--max-drop 5%)"
    guard = Guard("eksport=20260101T033000Z", (nulls, dropped))
    assert guard.acceptance == "--max-shift 70% --max-drop 11%, or --no-guard"
    assert guard.reason.endswith(f"{nulls.text}, and 1 more")


def test_what_is_above_a_limit_is_not_shown_as_equal_to_it() -> None:
    (difference,) = compare(report(94_999), report(100_000), GuardLimits.from_options())
    assert "5.1% fewer (--max-drop 5%)" in difference.text
    assert difference.accept == "--max-drop 6%"


def test_of_a_change_number_that_goes_backwards_no_limit_is_offered() -> None:
    differences = compare(report(10, change_number=1), report(100_000), GuardLimits.from_options())
    assert [difference.what for difference in differences] == ["change-number", "records-dropped"]
    assert Guard("eksport=20260101T033000Z", differences).acceptance == "--no-guard"


@st.composite
def reports(draw: st.DrawFn) -> Report:
    accepted = draw(st.integers(0, 5_000_000))
    part = st.integers(0, accepted)
    return report(
        accepted + (rejects := draw(st.integers(0, 100_000))),
        rejects=rejects,
        shares={"status": {"AKTIV": draw(part), "SLETTET": draw(part)}},
        nulls={"epostadresse": draw(part), "mobiltelefonnummer": draw(part)},
    )


@given(
    reports(),
    reports(),
    st.sampled_from(["5%", "0%", "0.001%", "0", "17"]),
    st.sampled_from(["20%", "0%", "250%", "3"]),
    st.sampled_from(["5%", "0%", "0.01%"]),
)
def test_the_options_that_are_named_do_accept_it(
    now: Report, before: Report, drop: str, growth: str, shift: str
) -> None:
    limits = {"max_drop": drop, "max_growth": growth, "max_shift": shift}
    differences = compare(now, before, GuardLimits.from_options(**limits))
    if differences:
        accepted = Guard("eksport=20260101T033000Z", differences).acceptance
        for option, value in re.findall(r"--(max-\w+) (\S+?)(?=[ ,])", accepted):
            limits[option.replace("-", "_")] = value
        assert compare(now, before, GuardLimits.from_options(**limits)) == ()


def test_after_a_first_try_with_few_records_the_growth_that_is_named_may_be_given() -> None:
    now, before = report(4_600_000), report(101)
    [difference] = compare(now, before, GuardLimits.from_options())
    assert difference.accept == "--max-growth 4554356%"
    assert compare(now, before, GuardLimits.from_options(max_growth="4554356%")) == ()


# Options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_drop": "-1"}, "--max-drop -1 is neither"),
        ({"max_drop": "101%"}, "--max-drop 101% is more than there can be; at most 100%"),
        ({"max_growth": "much"}, "--max-growth much is neither"),
        ({"max_shift": "101%"}, "--max-shift 101% is more than there can be"),
        ({"max_shift": 5}, "--max-shift 5 is no percentage"),
    ],
)
def test_a_limit_that_is_none_is_wrong_usage_before_anything_is_made(options: Json, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        load(tmp_path / "store", 1, 1, **options)
    assert not (tmp_path / "store").exists()


# Into the store


def load(store: Path, day: int, records: int, **options: Any) -> krr_export.ConvertResult:  # noqa: ANN401 - of `export`, or ConvertOptions checks them
    """Convert an export of so many good records."""
    made = {key: options.pop(key) for key in ("bad", "change_number") if key in options}
    source = io.BytesIO(export(day, records, **made))
    return krr_export.convert(source, store, **{"workers": 0, "max_rejects": "100%", **options})


def export(day: int, records: int, *, bad: int = 0, change_number: int = 7) -> bytes:
    """An export of so many good records and bad ones, made on a day of March 2026."""
    return tiny_xml.export(*[tiny_xml.person()] * records, *[BAD] * bad, root=root(day, change_number))


def root(day: int, change_number: int = 7) -> str:
    attributes = f'eksportTidspunkt="2026-03-{day:02}T04:30:00+01:00" senesteEndringsNummer="{change_number}"'
    return f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {attributes}'


def name(day: int) -> str:
    return f"eksport=202603{day:02}T033000Z"


def visible(store: Path) -> dict[str, bytes | str]:
    """All that a query may see, and `latest`."""
    return {
        str(path.relative_to(store)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in [*store.glob("eksport=*/**/*"), store / "latest"]
        if path.is_symlink() or path.is_file()
    }


def guard_of(result: krr_export.ConvertResult) -> Json:
    document = json.loads((result.path / "report.json").read_text())
    VALIDATOR.validate(document)
    assert document["outcome"] == result.outcome
    guard: Json = document["guard"]
    return guard


def test_a_shrunken_export_is_kept_back_with_its_report_and_the_store_stays_as_it_was(tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    before = visible(tmp_path)
    result = load(tmp_path, 2, 600, bad=3)
    assert (result.outcome, result.published, result.exit_code) == ("guard", False, 5)
    assert result.path == tmp_path / ".failed" / name(2)
    assert visible(tmp_path) == before
    kept = {path.relative_to(result.path).as_posix() for path in result.path.rglob("*") if path.is_file()}
    assert kept >= {"manifest.json", "rejects/part-00000.parquet", "report.json"}
    assert not [path for path in kept if path.startswith("person/") or path == "_SUCCESS"]
    assert result.report is not None
    assert result.report.counts.rejected == 3
    guard = guard_of(result)
    assert guard["compared_with"] == name(1)
    assert guard["differences"][0] == {
        "what": "records-dropped",
        "column": None,
        "value": None,
        "before": 1000,
        "now": 603,
        "limit": "--max-drop 5%",
        "accept": "--max-drop 40%",
        "text": "603 records, before 1 000: 39.7% fewer (--max-drop 5%)",
    }


@pytest.mark.parametrize("accepting", [{"guard": False}, {"max_drop": "40%"}, {"max_drop": 400}])
def test_what_was_kept_back_is_published_once_it_is_accepted(accepting: Json, tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    assert load(tmp_path, 2, 600).outcome == "guard"
    result = load(tmp_path, 2, 600, **accepting)
    assert (result.outcome, result.exit_code) == ("published", 0)
    assert (tmp_path / "latest").resolve() == result.path
    assert verify(result.path).proven
    assert not (tmp_path / ".failed" / name(2)).exists()
    # The next night is compared with what was accepted.
    assert load(tmp_path, 3, 600).outcome == "published"


def test_what_no_guard_accepted_stands_in_the_report_and_in_the_last_line(tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    result = load(tmp_path, 2, 600, guard=False)
    guard = guard_of(result)
    assert [difference["what"] for difference in guard["differences"]] == ["records-dropped"]
    assert "--no-guard" in guard["skipped"]
    assert "accepted by --no-guard: 600 records, before 1 000: 40.0% fewer" in result.message


def test_the_first_snapshot_is_compared_with_nothing_and_says_so(tmp_path: Path) -> None:
    result = load(tmp_path, 1, 3)
    assert guard_of(result) == {
        "compared_with": None,
        "differences": [],
        "skipped": "there is no older snapshot to compare with",
    }
    assert result.report is not None
    assert "guard     there is no older snapshot to compare with" in [*result.report.summary()]


def test_a_later_snapshot_is_not_what_an_older_export_is_compared_with(tmp_path: Path) -> None:
    load(tmp_path, 9, 1000)
    result = load(tmp_path, 5, 10)
    assert (result.outcome, guard_of(result)["compared_with"]) == ("published", None)


@pytest.mark.parametrize("copy", [f"{name(2)}-kopi", name(3)])
def test_a_copy_beside_the_snapshots_is_neither_compared_with_nor_called_damaged(copy: str, tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    shutil.copytree(load(tmp_path, 2, 990, change_number=9).path, tmp_path / copy)
    shutil.rmtree(tmp_path / name(2))
    result = load(tmp_path, 4, 1000)
    guard = guard_of(result)
    assert (result.outcome, guard["compared_with"], guard["skipped"]) == ("published", name(1), None)
    assert "passed over" not in result.message


def test_exports_that_are_loaded_late_are_compared_with_the_one_before_them(tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    load(tmp_path, 9, 2000, guard=False)
    result = load(tmp_path, 5, 1010)
    assert (result.outcome, guard_of(result)["compared_with"]) == ("published", name(1))
    assert load(tmp_path, 6, 2000).outcome == "guard", "against the one of the day before"


def test_of_several_later_snapshots_the_nearest_is_what_the_change_number_is_compared_with(tmp_path: Path) -> None:
    for day, number_ in ((1, 10), (8, 20), (9, 30)):
        load(tmp_path, day, 3, change_number=number_)
    result = load(tmp_path, 5, 3, change_number=25)
    assert result.outcome == "guard"
    assert "change number 25, but 20 in the export after it" in result.message


@pytest.mark.parametrize(
    ("number", "outcome"), [(9, "guard"), (10, "published"), (15, "published"), (20, "published"), (21, "guard")]
)
def test_the_change_number_is_compared_with_both_neighbours(number: int, outcome: str, tmp_path: Path) -> None:
    load(tmp_path, 1, 3, change_number=10)
    load(tmp_path, 9, 3, change_number=20)
    result = load(tmp_path, 5, 3, change_number=number)
    assert result.outcome == outcome
    if outcome == "guard":
        assert f"change number {number}, but {10 if number < 10 else 20} in the export" in result.message
        assert result.message.endswith("accept it with --no-guard")


def test_an_export_that_is_converted_anew_is_compared_with_the_one_before_it(tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    load(tmp_path, 2, 2000, guard=False)
    load(tmp_path, 3, 2000)
    result = load(tmp_path, 2, 1010, replace=True)
    assert (result.outcome, guard_of(result)["compared_with"]) == ("published", name(1))
    assert load(tmp_path, 2, 500, replace=True).outcome == "guard"
    assert json.loads((tmp_path / name(2) / "report.json").read_text())["counts"]["seen"] == 1010


def test_the_same_again_is_nothing_to_do_whatever_was_accepted(tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    load(tmp_path, 2, 600, guard=False)
    assert load(tmp_path, 2, 600).outcome == "unchanged"
    assert load(tmp_path, 2, 600, max_drop="1%").outcome == "unchanged"


def damage(snapshot: Path) -> None:
    path = snapshot / "report.json"
    path.write_bytes(path.read_bytes().replace(b"1000", b"1001", 1))


def lose(snapshot: Path) -> None:
    (snapshot / "report.json").unlink()


def lose_manifest(snapshot: Path) -> None:
    (snapshot / "manifest.json").unlink()


@pytest.mark.parametrize("harm", [damage, lose, lose_manifest])
def test_where_no_older_report_can_be_read_the_export_is_published_and_the_last_line_says_so(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    harm(load(tmp_path, 1, 1000).path)
    result = load(tmp_path, 2, 10)
    assert result.outcome == "published"
    guard = guard_of(result)
    assert guard["compared_with"] is None
    assert guard["skipped"].startswith(f"{name(1)} cannot be read; there is no older snapshot that can")
    assert f"the guard was passed over: {name(1)} cannot be read" in result.message


@pytest.mark.parametrize("harm", [damage, lose, lose_manifest])
def test_a_damaged_report_is_passed_over_for_the_one_before_it(harm: Callable[[Path], None], tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    harm(load(tmp_path, 2, 1000).path)
    result = load(tmp_path, 3, 600)
    assert (result.outcome, guard_of(result)["compared_with"]) == ("guard", name(1))
    assert f"{name(2)} cannot be read" in guard_of(result)["skipped"]
    assert "the guard was passed over" not in load(tmp_path, 4, 1000).message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("counts", {"seen": "1000", "written": 1000, "rejected": 0}),
        ("counts", {"seen": float("nan"), "written": 1000, "rejected": 0}),
        ("counts", {"seen": 1000, "written": 1000, "rejected": -(10**400)}),
        ("header", {"seneste_endringsnummer": float("inf")}),
        ("header", {"seneste_endringsnummer": "7"}),
        ("performance", {"seconds": 10**400}),
    ],
)
def test_a_report_that_was_forged_with_its_digest_is_passed_over_too(key: str, value: Json, tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    forged = load(tmp_path, 2, 1000).path
    report_path, manifest_path = forged / "report.json", forged / "manifest.json"
    digest = hashlib.sha256(report_path.read_bytes()).hexdigest()
    document = json.loads(report_path.read_text())
    report_path.write_text(json.dumps({**document, key: {**document[key], **value}}))
    after = hashlib.sha256(report_path.read_bytes()).hexdigest()
    manifest_path.write_text(manifest_path.read_text().replace(digest, after))
    result = load(tmp_path, 3, 600)
    assert (result.outcome, guard_of(result)["compared_with"]) == ("guard", name(1))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_a_pipe_or_a_device_for_an_older_manifest_holds_nothing_up(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    load(tmp_path, 1, 1000)
    manifest = load(tmp_path, 2, 1000).path / "manifest.json"
    manifest.unlink()
    make(manifest)
    result = load(tmp_path, 3, 600)
    assert (result.outcome, guard_of(result)["compared_with"]) == ("guard", name(1))


def test_a_limit_is_compared_with_nothing(tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    result = load(tmp_path, 2, 1000, limit=5)
    assert (result.outcome, result.exit_code) == ("partial", 0)
    assert guard_of(result)["skipped"] == "--limit reads a part of the export only: it is compared with nothing"


def test_an_empty_export_that_is_allowed_is_a_drop_all_the_same(tmp_path: Path) -> None:
    load(tmp_path, 1, 1000)
    result = load(tmp_path, 2, 0, allow_empty=True)
    assert (result.outcome, result.exit_code) == ("guard", 5)
    assert "0 records, before 1 000: 100.0% fewer" in result.message
    assert load(tmp_path, 2, 0, allow_empty=True, max_drop="100%").outcome == "published"
    assert load(tmp_path, 3, 1000).outcome == "published", "after nothing, anything"


@pytest.mark.parametrize(("bad", "options", "outcome"), [(5, {"max_rejects": 0}, "too-many-rejects"), (0, {}, "guard")])
def test_too_many_rejects_come_first_and_the_report_tells_of_both(
    bad: int, options: Json, outcome: str, tmp_path: Path
) -> None:
    load(tmp_path, 1, 1000)
    result = load(tmp_path, 2, 500, bad=bad, **options)
    assert result.outcome == outcome
    assert [difference["what"] for difference in guard_of(result)["differences"]] == ["records-dropped"]


def test_rejects_that_are_allowed_may_still_be_too_many_more(tmp_path: Path) -> None:
    load(tmp_path, 1, 2000)
    result = load(tmp_path, 2, 1800, bad=200)
    assert result.outcome == "guard"
    assert "rejects: 10.0% of the records, before 0.0%" in result.message
    assert load(tmp_path, 2, 1800, bad=200, max_shift="10%").outcome == "published"


def shared(day: int, deleted: int, with_email: int) -> io.BytesIO:
    """An export of 2000 persons, of whom so many are deleted and so many of the others have an e-mail address."""
    gone = tiny_xml.person("<status>SLETTET</status>")
    reached = tiny_xml.person("<status>AKTIV</status>", tiny_xml.contact())
    rest = tiny_xml.person("<status>AKTIV</status>")
    persons = [gone] * deleted + [reached] * with_email + [rest] * (2000 - deleted - with_email)
    return io.BytesIO(tiny_xml.export(*persons, root=root(day)))


@pytest.mark.parametrize(
    ("deleted", "with_email", "text"),
    [
        (0, 1400, "epostadresse missing: 30.0% of the records, before 20.0%, a shift of 10.0 points (--max-shift 5%)"),
        (201, 1600, "status SLETTET: 10.1% of the records, before 0.0%, a shift of 10.1 points (--max-shift 5%)"),
    ],
)
def test_shares_are_those_of_the_profile(deleted: int, with_email: int, text: str, tmp_path: Path) -> None:
    krr_export.convert(shared(1, 0, 1600), tmp_path, workers=0)
    result = krr_export.convert(shared(2, deleted, with_email), tmp_path, workers=0)
    assert (result.outcome, result.exit_code) == ("guard", 5)
    guard = guard_of(result)
    assert text in [difference["text"] for difference in guard["differences"]]
    assert guard["skipped"] is None
    assert krr_export.convert(shared(2, 100, 1500), tmp_path, workers=0).outcome == "published", "5 points are allowed"


@pytest.mark.parametrize("nights", [(True, False), (False, True)])
def test_without_profiles_there_are_no_shares_and_that_is_said(nights: tuple[bool, bool], tmp_path: Path) -> None:
    krr_export.convert(shared(1, 0, 1600), tmp_path, workers=0, profile=nights[0])
    result = krr_export.convert(shared(2, 1000, 0), tmp_path, workers=0, profile=nights[1])
    assert result.outcome == "published"
    assert "without a profile on both sides" in guard_of(result)["skipped"]


@pytest.mark.parametrize("hidden", [{"drop": "epostadresse"}, {"drop": "status,epostadresse"}])
def test_columns_that_are_left_out_are_compared_by_what_the_profile_still_says(hidden: Json, tmp_path: Path) -> None:
    krr_export.convert(shared(1, 0, 1600), tmp_path, workers=0, **hidden)
    result = krr_export.convert(shared(2, 0, 1000), tmp_path, workers=0, **hidden)
    assert "epostadresse missing: 50.0% of the records, before 20.0%" in result.message


# By command


def test_the_command_says_what_differs_where_the_report_is_and_how_to_accept_it(krr: Krr, tmp_path: Path) -> None:
    store, path = tmp_path / "store", tmp_path / "export.xml"
    load(store, 1, 1000, change_number=9)
    path.write_bytes(export(2, 600, change_number=9))
    ran = krr("convert", path, store, "--json", "--workers", "0")
    assert (ran.code, ran.result["exit_code"], ran.result["outcome"]) == (5, 5, "guard")
    failed = store / ".failed" / name(2)
    assert ran.last == (
        f"not published: it differs too much from {name(1)}: 600 records, before 1 000: 40.0% fewer (--max-drop 5%);"
        f" see report.json in {failed}; if that is right, accept it with --max-drop 40%, or --no-guard"
    )
    assert f"guard     compared with {name(1)}: 1 difference beyond the limits" in ran.lines
    assert ran.result["report"]["guard"]["differences"][0]["accept"] == "--max-drop 40%"
    assert krr("convert", path, store, "--max-drop", "40%", "--workers", "0").code == 0


def test_the_guard_may_be_set_by_environment_and_file(
    krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path, file = tmp_path / "store", tmp_path / "export.xml", tmp_path / "krr.toml"
    load(store, 1, 1000)
    path.write_bytes(export(2, 600))
    file.write_text("[convert]\nguard = false\n")
    assert krr("convert", path, store, "--workers", "0", "--config", file, "--guard").code == 5
    assert krr("convert", path, store, "--workers", "0", "--config", file).code == 0
    path.write_bytes(export(3, 300))
    monkeypatch.setenv("KRR_EXPORT_MAX_DROP", "50%")
    assert krr("convert", path, store, "--workers", "0").code == 0
