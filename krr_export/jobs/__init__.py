"""What a person asks for: convert, validate, inspect, the night's work. Each is a function of the public API."""
