"""The command that serves the simulator."""

import os
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulator.__main__ import simulate

SERVING = Path(__file__).parents[2] / "simulator" / "serving.py"


@pytest.mark.parametrize(
    ("options", "token", "url"),
    [
        (["--token", "another", "--url", "https://v.example"], "another", "https://v.example"),
        (["--token", "another"], "another", "given-url"),
        (["--url", "https://v.example"], "given-token", "https://v.example"),
        ([], "given-token", "given-url"),
    ],
)
def test_an_option_stands_in_place_of_the_environment(monkeypatch, options, token, url):
    monkeypatch.setenv("SIMULATOR_TOKEN", "given-token")
    monkeypatch.setenv("SIMULATOR_URL", "given-url")
    served = []

    def serve(_, command):
        served.append((command, os.environ["SIMULATOR_TOKEN"], os.environ["SIMULATOR_URL"]))

    monkeypatch.setattr(os, "execv", serve)
    assert CliRunner().invoke(simulate, ["--port", "81", *options]).exit_code == 0
    [(command, its_token, its_url)] = served
    assert command[-1] == "127.0.0.1:81"
    assert (its_token, its_url) == (token, url)


@pytest.mark.parametrize("host", ["::", "::1"])
def test_an_address_of_ipv6_is_bracketed(monkeypatch, host):
    served = []
    monkeypatch.setattr(os, "execv", lambda _, command: served.append(command[-1]))
    assert CliRunner().invoke(simulate, ["--host", host]).exit_code == 0
    assert served == [f"[{host}]:8001"]


def test_one_worker_serves_since_another_would_know_other_sessions():
    """Two seldom show in a test: gevent's first worker takes nearly every connection."""
    assert runpy.run_path(str(SERVING))["workers"] == 1
