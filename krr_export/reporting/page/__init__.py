"""A report, or the history of a store, as one self-contained HTML page."""
