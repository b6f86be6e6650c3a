"""Real servers that tests start, on this machine alone."""
