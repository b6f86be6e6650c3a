"""Output of typed rows: part files, snapshots, and the store of snapshots."""
