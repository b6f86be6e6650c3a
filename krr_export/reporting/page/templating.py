"""The Jinja environment of the templates: the page's style, and filters for line breaks in options and paths."""

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
TEMPLATES = Path(__file__).parent / "templates"


def template(name: str) -> Template:
    """Return a compiled template by its file name."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters |= {"unbroken": _keep_options_unbroken, "breakable": _break_path}
    return environment


def _keep_options_unbroken(text: str) -> Markup:
    """Mark up a text so that lines do not break at the hyphens of options."""
    return Markup("").join(
        Markup('<span class="keep">{}</span>').format(part) if part.startswith("--") else part
        for part in _OPTION.split(text)
    )


def _break_path(path: str) -> Markup:
    """Mark up a path or a column's name so that lines may break after each slash and underscore."""
    return Markup("<wbr>").join(re.split("(?<=[/_])", path))
