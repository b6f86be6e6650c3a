"""What many tests share."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
import road
from hypothesis import settings

from krr_export.schema import RecordSchema, load_schema

if TYPE_CHECKING:
    from collections.abc import Callable

# Derandomized: a suite that fails must fail again. More examples: `pytest --hypothesis-profile=long`.
settings.register_profile("suite", derandomize=True, deadline=None, database=None, max_examples=60)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def schema() -> RecordSchema:
    """The record schema 14-05."""
    return load_schema("14-05")


@pytest.fixture
def export() -> Callable[..., bytes]:
    """Writes a tiny export: see `road.export`, which property tests take directly."""
    return road.export


@pytest.fixture(scope="session")
def xmllint() -> str:
    """The path of xmllint, libxml2's own judge; where it is missing, tests of agreement with it say so."""
    found = shutil.which("xmllint")
    if found is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("xmllint is not installed")
    return str(found)
