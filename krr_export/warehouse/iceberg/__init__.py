"""Iceberg tables over the files of pushed snapshots: a catalog names the table, whose metadata list the files."""
