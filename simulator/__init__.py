"""A simulator of the documented vendor, for development and tests. Imports nothing of the proxy.

The app is `simulator.app:create_app()`; `python -m simulator` serves it.
"""
