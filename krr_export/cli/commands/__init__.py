"""The commands, a file each: what they ask, which job does it, and what they say of it."""
