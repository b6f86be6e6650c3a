"""An operator for Apache Airflow: a command of ``krr-export`` as a task that Airflow retries only where that may help.

Airflow is not installed with this package: a worker has it already.
"""

from __future__ import annotations

try:
    from krr_export.airflow.operator import KrrExportOperator
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] != "airflow":
        raise
    raise ImportError(
        "krr_export.airflow needs Apache Airflow 3; install krr-export where Airflow is", name="airflow"
    ) from None

__all__ = ["KrrExportOperator"]
