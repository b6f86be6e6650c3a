"""Many exports at once: each converted by itself, and published in the order of their time."""
