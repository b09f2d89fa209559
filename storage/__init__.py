"""What is recorded and counted. Knows nothing of Flask or of the proxy."""
