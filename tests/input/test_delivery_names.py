"""Each name that the register gives to a file of a delivery is read for what it is, and no other name is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.input.delivery.names import LATEST, PartName, SetNames, eligible, group_sets, parse_part
from krr_export.input.delivery.regular import file_name

ORGNR = "991825827"
BASE = "Kontaktregister-20140226T120409"
WHOLE = [f"{BASE}.gz.enc", f"{BASE}.sig", f"{BASE}.key.{ORGNR}"]


@pytest.mark.parametrize("prefix", ["", "VirksomhetsID-", f"{ORGNR}-"])
@pytest.mark.parametrize("stamp", ["20140226T120409", "20140226T1204", LATEST])
def test_each_file_is_told_by_its_name(prefix: str, stamp: str) -> None:
    base = f"Kontaktregister-{stamp}"
    assert parse_part(f"{base}.gz.enc") == PartName(f"{base}.gz.enc", stamp, "data")
    assert parse_part(f"{base}.sig") == PartName(f"{base}.sig", stamp, "signature")
    name = f"{prefix}{base}.key.{ORGNR}"
    assert parse_part(name) == PartName(name, stamp, "key", ORGNR)


def test_a_key_may_be_named_after_the_word_for_the_receiver() -> None:
    name = f"{BASE}.key.VirksomhetsID-{ORGNR}"
    assert parse_part(name) == PartName(name, "20140226T120409", "key", ORGNR)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "Kontaktregister",
        f"{BASE}.gz",
        f"{BASE}.xml",
        f"{BASE}.gz.enc.part",
        f".{BASE}.gz.enc",
        f"{BASE}.gz.enc\n",
        f"../{BASE}.gz.enc",
        f"{BASE}.gz.enc/..",
        f"{BASE}.gz.enc\0",
        f"{BASE}.key",
        f"{BASE}.key.",
        f"{BASE}.key.99182582",
        f"{BASE}.key.9918258277",
        f"{BASE}.key.\N{ARABIC-INDIC DIGIT NINE}91825827",
        f"{BASE}.sig.{ORGNR}",
        f"123456785-{BASE}.key.{ORGNR}",
        f"99182582-{BASE}.key.{ORGNR}",
        f"{ORGNR}{BASE}.key.{ORGNR}",
        f"{BASE}.GZ.ENC",
        "kontaktregister-20140226T120409.sig",
        "Kontaktregister-20140226T12040.sig",
        "Kontaktregister-20140226T12.sig",
        "Kontaktregister-20140226T1204091.sig",
        "Kontaktregister-20140226-120409.sig",
        "Kontaktregister-latest.sig",
        "Kontaktregister-.sig",
    ],
)
def test_no_other_name_is_of_a_delivery(name: str) -> None:
    assert parse_part(name) is None


@given(st.text(max_size=60))
def test_whatever_is_accepted_is_a_plain_file_name(name: str) -> None:
    for text in (name, f"{BASE}{name}", f"{BASE}.key.{name}", f"{name}{BASE}.sig"):
        if parse_part(text) is not None:
            assert text.isascii()
            assert text.isprintable()
            assert "/" not in text
            assert not text.startswith(".")


@given(
    st.permutations([*WHOLE, "Kontaktregister-20140226T1224.sig", "Kontaktregister-LATEST.sig", "README", ".x.part"])
)
def test_sets_are_found_in_any_order_of_names(names: list[str]) -> None:
    assert group_sets(names) == [
        SetNames("20140226T120409", WHOLE[0], WHOLE[1], {ORGNR: WHOLE[2]}),
        SetNames("20140226T1224", signature="Kontaktregister-20140226T1224.sig"),
        SetNames(LATEST, signature="Kontaktregister-LATEST.sig"),
    ]


@pytest.mark.parametrize("short", range(8))
def test_a_name_with_seconds_belongs_to_one_without(short: int) -> None:
    names = [name.replace("T120409", "T1204") if short & 1 << at else name for at, name in enumerate(WHOLE)]
    (found,) = group_sets(names)
    assert (found.data, found.signature, found.keys) == (names[0], names[1], {ORGNR: names[2]})
    assert f"-{found.stamp}." in names[0]
    assert found.missing(ORGNR) == []


def test_files_of_two_sets_of_one_minute_are_not_mixed() -> None:
    short = [name.replace("T120409", "T1204") for name in WHOLE]
    assert [(found.data, found.signature, found.keys) for found in group_sets([*WHOLE, *short])] == [
        (names[0], names[1], {ORGNR: names[2]}) for names in (short, WHOLE)
    ]
    alone, whole = group_sets([*WHOLE, short[1]])
    assert alone.missing(ORGNR) == [short[0], short[2]]
    assert (whole.signature, whole.missing(ORGNR)) == (WHOLE[1], [])


def test_sets_of_neighbouring_minutes_are_not_mixed() -> None:
    names = [f"Kontaktregister-{stamp}.sig" for stamp in ("20140226T1203", "20140226T1204", "20140226T120500")]
    assert [found.signature for found in group_sets(names)] == names


def test_keys_are_kept_by_organisation() -> None:
    (found,) = group_sets([*WHOLE, f"{BASE}.key.VirksomhetsID-123456785"])
    assert found.keys == {ORGNR: WHOLE[2], "123456785": f"{BASE}.key.VirksomhetsID-123456785"}
    assert found.missing("123456785") == found.missing(None) == []


@pytest.mark.parametrize("at", range(3))
def test_what_is_missing_is_called_by_its_name(at: int) -> None:
    (found,) = group_sets(name for name in WHOLE if name != WHOLE[at])
    assert found.missing(ORGNR) == [WHOLE[at]]
    assert found.missing(None) == [WHOLE[at].replace(ORGNR, "*")]


def test_another_organisations_key_is_not_ours() -> None:
    (found,) = group_sets(WHOLE)
    assert found.missing("123456785") == [f"{BASE}.key.123456785"]


def test_of_two_keys_for_one_organisation_the_one_without_a_prefix_is_taken_whatever_the_order() -> None:
    names = [f"Kontaktregister-20260226T1122.{end}" for end in ("gz.enc", "sig", "key.991825827")]
    for prefix in ("991825827-", "VirksomhetsID-"):
        for order in ([*names, prefix + names[2]], [prefix + names[2], *names]):
            [found] = group_sets(order)
            assert found.keys == {"991825827": names[2]}
            assert found.missing("991825827") == []


def test_the_name_of_a_file_is_shown_without_control_characters_whatever_its_bytes() -> None:
    shown = file_name(Path(os.fsdecode(b"/secret/a\n\x1b[2J\xff.key")))
    assert shown.isprintable()
    assert shown.startswith("a")
    assert shown.endswith(".key")
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("stamps", "chosen"),
    [
        (["20260101T0100", "20260102T0100", "20990101T0100", LATEST], ["20260101T0100", "20260102T0100"]),
        (["20260102T120000", "20260102T120001"], ["20260102T120000"]),
        (["20260102T1200", "20260102T1201"], ["20260102T1200"]),
        (["20990101T0100", "20999999T9999", LATEST], [LATEST]),
        (["20990101T0100", "20999999T9999"], ["20990101T0100", "20999999T9999"]),
        ([LATEST], [LATEST]),
        ([], []),
    ],
)
def test_a_set_that_is_named_for_the_future_counts_only_where_there_is_no_other(
    stamps: list[str], chosen: list[str]
) -> None:
    assert [names.stamp for names in eligible([SetNames(stamp) for stamp in stamps], "20260102T120000")] == chosen
