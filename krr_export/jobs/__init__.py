"""The tasks of a user: convert, validate, inspect, the nightly run. Each is a function of the public API."""
