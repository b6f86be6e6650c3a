"""The manual page: made from the program, without a fault for groff, and with all commands and options."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import man_page
import pytest

from krr_export.errors import EXIT_CODES

PAGE = Path(__file__).parents[3] / "docs/krr-export.1"

needs_groff = pytest.mark.skipif(
    shutil.which("groff") is None and "CI" not in os.environ, reason="groff is not installed"
)


def rendered() -> str:
    """The page as a reader has it, without the places where lines end."""
    words = ["groff", "-man", "-Tutf8", "-P-cbou", "-rLL=400n", "-rHY=0", str(PAGE)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return " ".join(re.sub("[\N{HYPHEN}\N{MINUS SIGN}]", "-", done.stdout).split())


def test_it_is_what_the_program_says() -> None:
    assert PAGE.read_text() == man_page.man_page(), "run: make docs"


@needs_groff
def test_groff_reads_it_without_a_remark() -> None:
    done = subprocess.run(["groff", "-man", "-ww", "-z", str(PAGE)], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@needs_groff
def test_it_has_each_command_option_and_exit_code_as_the_help_has_it() -> None:
    page = rendered()
    for name, command in man_page.COMMANDS.items():
        context = click.Context(command, man_page.CONTEXT, info_name=name)
        assert f"krr-export {name} [OPTIONS]" in page
        for parameter in command.get_params(context):
            for text in parameter.get_help_record(context) or ():
                assert " ".join(text.split()) in page, (name, text)
    for code in EXIT_CODES:
        assert f"{code.number} {code.means}".replace("`", "") in page
