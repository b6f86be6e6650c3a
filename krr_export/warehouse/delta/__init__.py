"""Delta tables over the files of pushed snapshots: a log that lists them, and rewrites none."""
