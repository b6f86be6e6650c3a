"""``python -m krr_export`` is ``krr-export``."""

from krr_export.cli import run

run()
