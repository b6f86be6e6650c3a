"""What every run needs first, done once, in the server that runs are forked from: see `stopping`."""

import encodings.utf_8_sig  # noqa: F401 - how CSV is written

import crashes.stopping
import crashes.store_driver  # noqa: F401 - what is run, with pytest, which it imports
import krr_export.jobs.changes.apply
import krr_export.jobs.changes.apply_from_zero
import krr_export.reporting.page.languages.english  # noqa: F401 - with all that they import
from krr_export.reporting.page import templating
from krr_export.schema.registry import load_schema

load_schema("14-05")
for path in templating.TEMPLATES.glob("*.html"):
    templating.template(path.name)
