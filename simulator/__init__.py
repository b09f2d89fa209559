"""The vendor as documented, for development and tests. Imports nothing of the proxy."""
