"""The vendor: its contract, the calls to it, its callbacks and its words."""
