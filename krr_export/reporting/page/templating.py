"""The templates as Jinja has them: with the page's style, and with how options and paths are parted over lines."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Template

_OPTION = re.compile(r"(--[a-z]+(?:-[a-z]+)*)")
_TEMPLATES = Path(__file__).parent / "templates"


def template(name: str) -> Template:
    """One of the templates, compiled.

    Args:
        name: of its file.
    """
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters |= {"kept": _kept, "parted": _break_path}
    environment.globals["style"] = _style()
    return environment


def _kept(text: str) -> Markup:
    """A text whose options are not parted at their hyphens."""
    return Markup("").join(
        Markup('<span class="keep">{}</span>').format(part) if part.startswith("--") else part
        for part in _OPTION.split(text)
    )


def _break_path(path: str) -> Markup:
    """A path that may be parted after each of its steps."""
    return Markup("/<wbr>").join(path.split("/"))


def _style() -> Markup:
    return Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
