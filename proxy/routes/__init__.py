"""One module for each group of routes; thin: decode, call, answer."""
