"""Options by name: type checkers and the program know the same ones, and both say what is wrong with another."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import pytest

import krr_export
from krr_export import ConvertOptions, UsageError
from krr_export.cli.output_options import SHAPE
from krr_export.input.delivery.opening import DeliveryKeywords, DeliveryOptions
from krr_export.jobs.keywords import OptionKeywords, ShapeKeywords, changed
from krr_export.util.fields import Converted

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = Path(__file__).parents[2] / "samples" / "valid.xml"


def taken(options: type, **names: object) -> dict[str, Any]:
    """The type that each field of a class of options takes."""
    hints = get_type_hints(options, localns=names)
    return {
        field.name: get_args(hint)[0] if get_origin(hint := hints[field.name]) is Converted else hint
        for field in fields(options)
    }


def test_the_options_of_convert_are_the_fields_of_its_class() -> None:
    known = get_type_hints(OptionKeywords)
    types = {"datetime": known["as_of"].__args__[0], "timedelta": timedelta, "Path": Path}
    names = {"Format": known["format"], "Compression": get_args(known["compression"])[0]}
    assert taken(ConvertOptions, **types, **names) == known


def test_the_options_of_a_delivery_are_the_fields_of_its_class() -> None:
    fields_of = taken(DeliveryOptions, timedelta=timedelta, LoadedKeys=object, Path=Path)
    assert get_type_hints(DeliveryKeywords) == {
        name: hint for name, hint in fields_of.items() if name not in {"max_ahead", "keys"}
    }


@pytest.mark.slow
def test_mypy_finds_a_wrong_name_and_a_wrong_type(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import krr_export\n"
        'krr_export.convert("a", "b", format="csv", columns=["status"], private_key="c", passphrase="d")\n'
        'krr_export.ConvertOptions(derive="all", pseudonym_key="a", delivery=krr_export.DeliveryOptions("b"))\n'
        'krr_export.convert("a", "b", formt="csv")\n'
        'krr_export.validate("a", workers="2")\n'
        'krr_export.convert("a", "b", format="xml")\n'
        'krr_export.run("u", "i", "s", kep=3)\n'
        'krr_export.fetch("u", "i", orgnt="x")\n'
        'krr_export.apply("s", "p", as_of="x", carrid="x")\n'
        'krr_export.inspect("e", orgnt="x")\n'
        'krr_export.open_export("e", worker=1)\n'
        'krr_export.load("s", "t", kep=1)\n'
        'krr_export.load_script("s", "snowflake", stge="s")\n'
        'krr_export.push("s", "u", replce=True)\n'
        'krr_export.prune("s", keep="3")\n'
        'krr_export.diff("s", ignor="x")\n'
        'krr_export.check("s", prov=True)\n'
        'krr_export.history("s", limt=1)\n'
        'krr_export.verify(snapshat="s")\n'
        'krr_export.verify_load("s", agianst="s")\n'
        'krr_export.verify_pushed(url="s")\n'
        'krr_export.views("s", schme="s")\n'
        'krr_export.load_schema(spek="s")\n'
        'krr_export.ConvertOptions(derve="all")\n'
        'krr_export.DeliveryOptions(privatekey="a")\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", script],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Its cache may know the same script from an earlier run, by another directory.
    wrong = [line.split("script.py:")[1].split(":")[0] for line in done.stdout.splitlines() if ": error:" in line]
    assert wrong == [str(line) for line in range(4, 26)], done.stdout
    assert "formt" in done.stdout


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"formt": "csv"}, "there is no option formt; did you mean format?"),
        ({"privatekey": "x"}, "there is no option privatekey; did you mean private_key?"),
        ({"zzz": 1}, "there is no option zzz; the options are format, compression, "),
        ({"workers": "2"}, "workers cannot be of type str; give a whole number or None"),
        ({"workers": True}, "workers cannot be of type bool; give a whole number or None"),
        ({"mode": "0o640"}, "mode cannot be of type str; give a whole number"),
        ({"rules": 1}, "rules cannot be of type int; give True or False"),
        ({"max_age": 36}, "max_age cannot be of type int; give a timedelta or text or None"),
        ({"format": 3}, "format cannot be of type int; give text"),
        ({"schema": None}, "schema cannot be of type NoneType; give text or a path"),
        ({"columns": 3}, "columns cannot be of type int"),
        ({"drop": b"navn"}, "drop cannot be of type bytes"),
        ({"partition_by": None}, "partition_by cannot be of type NoneType"),
        ({"pseudonym_key": 3}, "pseudonym_key cannot be of type int"),
        ({"passphrase": 12345678}, "passphrase cannot be of type int"),
        ({"delivery": "receiver.p12"}, "delivery cannot be of type str; give DeliveryOptions"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_and_its_value_is_not(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        krr_export.convert(SAMPLE, tmp_path / "store", **wrong)
    assert str(raised.value).startswith(message)
    assert "12345678" not in str(raised.value)
    with pytest.raises(UsageError):
        krr_export.validate(SAMPLE, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_keys_by_name_are_those_of_the_delivery_and_override_them() -> None:
    given = ConvertOptions(delivery=DeliveryOptions(private_key="a", orgnr="991825827"))
    delivery = changed(given, {"private_key": "b", "passphrase": "secret"}).delivery
    assert (delivery.private_key, delivery.orgnr, delivery.passphrase()) == (Path("b"), "991825827", b"secret")
    assert "secret" not in repr(delivery)
    assert changed(given, {}) is given


@pytest.mark.parametrize(
    ("secret", "kept"), [("æ", "æ".encode()), (b"\xff", b"\xff"), (None, None), (lambda: b"x", b"x")]
)
def test_a_passphrase_is_text_bytes_or_a_function(
    secret: str | bytes | Callable[[], bytes] | None, kept: bytes | None
) -> None:
    assert DeliveryOptions(passphrase=secret).passphrase() == kept


def test_names_are_one_text_or_several() -> None:
    options = ConvertOptions(
        drop="navn, adresse", derive=(name for name in ["identifikatortype"]), partition_by="status"
    )
    assert (options.drop, options.derive, options.partition_by) == (
        ("navn", "adresse"),
        ("identifikatortype",),
        ("status",),
    )


def test_paths_are_local_ones() -> None:
    with pytest.raises(UsageError, match="no local path"):
        DeliveryOptions(private_key="sftp://secret@example.no/key")


def test_the_shape_is_what_the_command_refuses_with_changes() -> None:
    assert set(SHAPE) == set(ShapeKeywords.__annotations__)
