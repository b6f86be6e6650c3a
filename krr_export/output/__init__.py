"""What becomes of typed rows: part files, snapshots, the store that holds them."""
