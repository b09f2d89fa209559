"""`python -m simulator`: the vendor simulator alone."""

import os
import sys
from pathlib import Path

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8001, show_default=True, help="Port to listen on; 0 takes any.")
@click.option("--token", help="Bearer token to accept, in place of SIMULATOR_TOKEN.")
@click.option("--url", help="Its public address, in place of SIMULATOR_URL.")
def simulate(host: str, port: int, token: str | None, url: str | None) -> None:
    """Serve the vendor simulator until interrupted, and print its address."""
    if token:
        os.environ["SIMULATOR_TOKEN"] = token
    if url:
        os.environ["SIMULATOR_URL"] = url
    # gunicorn takes over this process: gevent must patch before anything else is imported.
    # The settings are named, as it would otherwise read the proxy's from the working directory.
    settings = Path(__file__).with_name("serving.py")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = ["-m", "gunicorn", "--config", str(settings), "--bind", address]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606


if __name__ == "__main__":
    simulate()
