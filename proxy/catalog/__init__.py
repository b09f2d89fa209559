"""The merchant's products."""
