"""Find what changed between snapshots, and make a snapshot from pages of changes."""
