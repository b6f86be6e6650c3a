"""The page: a report, and the history of a store, as one HTML file that stands alone."""
