"""What a run says: the report in all its forms, the history of a store, and what differs from the export before."""
