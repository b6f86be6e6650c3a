"""The command line: reads options, calls the library, prints. It decides nothing."""

from krr_export.cli.main import main, run

__all__ = ["main", "run"]
