"""What many tests share: the schema, tiny exports, the road itself."""

from __future__ import annotations

from functools import partial
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
    """Writes a tiny export: see `road.export`."""
    return road.export


@pytest.fixture
def travel(schema: RecordSchema) -> Callable[..., road.Arrival]:
    """Sends an export of 14-05 down the whole road: see `road.travel`."""
    return partial(road.travel, schema=schema)
