"""A try-on: from a click to a session, its launch, and its end."""
