"""Scripts of SQL that load a pushed snapshot into a warehouse, for whoever runs them there."""
