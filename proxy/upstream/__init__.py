"""The vendor's side, upstream of ours: its contract, the calls to it, its callbacks and words."""
