"""`accelsim explore` refuses what it cannot serve, in one line."""

import socket
import sys

import pytest
from click.testing import CliRunner

from accelsim.cli import main
from accelsim.explorer.server import MISSING


def explore(*words: str) -> str:
    done = CliRunner().invoke(main, ("explore", "--no-browser", *words))
    assert done.exit_code == 2
    return done.stderr.splitlines()[-1]


def test_a_wrong_address_is_refused() -> None:
    assert "did you mean 'hbm'" in explore("--open", "hmb=2")


def test_a_port_that_is_taken_is_refused() -> None:
    pytest.importorskip("nicegui")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"--port {port}:" in explore("--port", str(port))


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nicegui", None)
    assert explore() == f"error: {MISSING}"
