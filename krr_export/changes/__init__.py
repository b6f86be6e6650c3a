"""What changed between two snapshots of the register."""
