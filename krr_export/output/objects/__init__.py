"""Snapshots in object stores: their layout there, publishing, and proof."""
