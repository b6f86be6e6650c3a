"""Progress: bars on a terminal, otherwise a line of the log now and then."""
