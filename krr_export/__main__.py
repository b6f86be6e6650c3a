"""``python -m krr_export`` is ``krr-export``."""

import sys

from krr_export.cli import main

sys.exit(main())
