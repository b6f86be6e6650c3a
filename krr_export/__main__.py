"""`krr-export`, and `python -m krr_export`: from the first import on, every exit code is one of ours."""

from __future__ import annotations

import sys
import warnings
from typing import NoReturn

from krr_export.cli.process_exit import enforce_exit_code, exit_with, report_startup_failure


def run() -> NoReturn:
    """Run the program, and end the process."""
    enforce_exit_code()
    try:
        # Imported here, where a missing or broken package is reported: these need the installed packages.
        from krr_export.cli.main import main  # noqa: PLC0415 - a missing package is reported below
        from krr_export.util.process import configure_arrow, configure_malloc, disable_core_dumps  # noqa: PLC0415 - a missing package is reported below

        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # what a library has to say to its users is not for ours
        disable_core_dumps()
        configure_arrow()
        configure_malloc()
        code = main()
    except SystemExit as answered:  # click has answered a request for shell completions
        code = 0 if answered.code in {None, 0} else report_startup_failure(answered)
    except BaseException as error:
        code = report_startup_failure(error)
    exit_with(code)


if __name__ == "__main__":
    run()
