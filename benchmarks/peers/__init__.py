"""The peers: each as its own community would write the good, simple version."""
