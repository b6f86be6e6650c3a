"""Fields of option classes that take more than they keep, and values checked against the type that is declared."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from datetime import date, datetime, timedelta
from functools import wraps
from inspect import Parameter, signature
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    ParamSpec,
    Self,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    overload,
)

from krr_export.errors import UsageError
from krr_export.util.formatting import short_repr
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

StrPath: TypeAlias = str | PathLike[str]
"""A path as callers have it."""

Names: TypeAlias = str | Iterable[str]
"""One name or several, each text with one or with several that commas separate."""

Secret: TypeAlias = str | bytes | Callable[[], bytes | None] | None
"""A passphrase, or what gives it once it is needed; ``None``: there is none."""

Passphrase: TypeAlias = Callable[[], bytes | None]
"""Called only if a key turns out to be encrypted; returns ``None`` if there is no passphrase."""

_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_Given = TypeVar("_Given")
_Kept = TypeVar("_Kept")

_IN_WORDS: dict[object, str] = {
    str: "text",
    bytes: "bytes",
    int: "a whole number",
    bool: "True or False",
    date: "a date",
    datetime: "a datetime",
    timedelta: "a timedelta",
    PathLike: "a path",
    Path: "a path",
    Iterable: "several texts",
    Callable: "a function",
    NoneType: "None",
}


class Converted(Generic[_Given, _Kept]):
    """A field of a dataclass that is set to a value of one type, and holds it as another.

    A type checker takes the type of the field's argument from ``__set__``, and that of the attribute from ``__get__``.

    Args:
        convert: what is given into what is kept; for what is kept already, itself.
        default: what is given by default; a field without one is required.
    """

    def __init__(self, convert: Callable[[_Given], _Kept], *default: _Given) -> None:
        self._convert = convert
        self._default = default
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> _Given: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _Kept: ...

    def __get__(self, instance: object | None, owner: type) -> _Given | _Kept:
        if instance is not None:
            kept: _Kept = instance.__dict__[self._name]
            return kept
        if not self._default:  # so a dataclass sees that there is none
            raise AttributeError(self._name)
        return self._default[0]

    def __set__(self, instance: object, value: _Given) -> None:
        try:
            instance.__dict__[self._name] = self._convert(value)
        except (TypeError, AttributeError):
            raise UsageError(f"{self._name} cannot be of type {type(value).__name__}") from None


class Options:
    """The base of frozen dataclasses of options, which are made with ``repr=False``."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __new__(cls, *_values: object, **named: object) -> Self:
        """Refuse a name that is no option's, before the dataclass would, and name the one that was meant."""
        check_names([field.name for field in fields(cls)], named)
        return super().__new__(cls)

    def __repr__(self) -> str:
        """Show what differs from the defaults, without functions: one may give a passphrase."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.repr}
        defaults = {field.name: _default(field) for field in fields(self)}
        return short_repr(
            self, **{name: one for name, one in given.items() if one != defaults[name] and not callable(one)}
        )


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def refuse_wrong_options(
    others: Collection[str] = (), /, **declared: object
) -> Callable[[Callable[_P, _Result]], Callable[_P, _Result]]:
    """Have a function say which option there is not, and which one has a wrong type, as a `UsageError`.

    Args:
        others: the names that its ``**keywords`` may have.
        declared: the types of some of its arguments.
    """

    def decorate(function: Callable[_P, _Result]) -> Callable[_P, _Result]:
        parameters = signature(function).parameters.values()
        positions = [one.name for one in parameters if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
        names = [*others, *positions, *(one.name for one in parameters if one.kind is Parameter.KEYWORD_ONLY)]

        @wraps(function)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> _Result:
            check_names(names, kwargs)
            given = {**dict(zip(positions, args, strict=False)), **kwargs}
            check_types(declared, {name: value for name, value in given.items() if name in declared})
            return function(*args, **kwargs)

        return checked

    return decorate


def optional_path(given: StrPath | None) -> Path | None:
    """Return a local path; ``None`` stays.

    Raises:
        UsageError: it is the address of something that is not local.
    """
    return None if given is None else local_path(given)


def passphrase_of(given: Secret) -> Passphrase:
    """Return a function that gives the passphrase, which so is in no ``repr``.

    Raises:
        TypeError: it is of another type.
    """
    if isinstance(given, str):
        return given.encode
    if isinstance(given, bytes):
        return given.__bytes__
    if given is None:
        return _nothing
    if not callable(given):
        raise TypeError
    return given


def _nothing() -> None:
    """Give no passphrase: unlike a lambda, options that have it can be handed to another process."""


def check_names(known: Collection[str], given: Iterable[str]) -> None:
    """Refuse an option that there is not, and name the one that was meant.

    Raises:
        UsageError: there is no such option.
    """
    for name in given:
        if name not in known:
            meant = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {meant[0]}?" if meant else f"the options are {', '.join(known)}"
            raise UsageError(f"there is no option {name}", hint)


def check_types(declared: Mapping[str, object], given: Mapping[str, object]) -> None:
    """Refuse a value of a type that its option does not take. No value is repeated: it may be a secret.

    Args:
        declared: the type of each option, as `typing.get_type_hints` gives it.
        given: the values.

    Raises:
        UsageError: a value is of another type.
    """
    for name, value in given.items():
        kinds = list(_kinds(declared[name]))
        if not any(_is_of(value, kind) for kind in kinds):
            words = " or ".join(_IN_WORDS.get(kind, getattr(kind, "__name__", str(kind))) for kind in kinds)
            raise UsageError(f"{name} cannot be of type {type(value).__name__}", f"give {words}")


def _kinds(hint: object) -> Iterable[type]:
    """Yield the classes that a value may have; the user of a text knows which texts are allowed."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        for part in get_args(hint):
            yield from _kinds(part)
    elif origin is Literal:
        yield str
    elif isinstance(kind := origin or hint, type):
        yield kind


def _is_of(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
