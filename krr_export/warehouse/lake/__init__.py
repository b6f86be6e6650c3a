"""Tables over the files of pushed snapshots, as Delta and Iceberg have them: they list files, and rewrite none."""
