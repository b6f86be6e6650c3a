"""A made-up register that changes: its state, a night of changes, and the pages of its change feed."""
