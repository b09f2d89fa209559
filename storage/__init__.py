"""The facts, the totals that follow from them, and where they are stored."""
