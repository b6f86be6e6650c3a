"""The warehouses that there are scripts for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.warehouse.scripts.azure import FabricScript, SynapseScript
from krr_export.warehouse.scripts.bigquery import BigQueryScript
from krr_export.warehouse.scripts.databricks import DatabricksScript
from krr_export.warehouse.scripts.snowflake import STAGE, SnowflakeScript

if TYPE_CHECKING:
    from krr_export.warehouse.scripts.persons import PushedPersons
    from krr_export.warehouse.scripts.script import Script

SCRIPTS: dict[str, type[Script]] = {
    "bigquery": BigQueryScript,
    "databricks": DatabricksScript,
    "fabric": FabricScript,
    "snowflake": SnowflakeScript,
    "synapse": SynapseScript,
}
"""By their names in ``--script``."""


def make_script(warehouse: str, persons: PushedPersons, namespace: str, stage: str | None) -> str:
    """Return the script that loads a snapshot.

    Args:
        warehouse: a key of `SCRIPTS`.
        persons: what is loaded.
        namespace: where the tables are.
        stage: of Snowflake, the external stage; ``None`` for the default.

    Raises:
        UsageError: there is no script for the warehouse, it does not read from that object store, or a name is none.
    """
    if warehouse == "snowflake":
        return SnowflakeScript(persons, namespace, STAGE if stage is None else stage).text()
    if warehouse not in SCRIPTS:
        raise UsageError("there is no script for that warehouse", f"give one of {', '.join(SCRIPTS)}")
    if stage is not None:
        raise UsageError("--stage is of Snowflake", "leave it out")
    return SCRIPTS[warehouse](persons, namespace).text()
