import http.server
import threading

import pytest
from click.testing import CliRunner
from file_server import CONTENT, SHA256, Handler

from bench.commands.cli import cli
from bench.weights.known import WEIGHT_FILES, WeightFile


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.requests, served.content, served.version = [], CONTENT, '"one"'
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def known(server, monkeypatch):
    """Enter a file into the table of known ones."""

    def enter(file="good.pth", sha256=SHA256, name="tiny"):
        url = f"http://127.0.0.1:{server.server_port}/{file}"
        about = {"kind": "features", "use": "tests", "origin": "the tests", "licence": "none"}
        monkeypatch.setitem(WEIGHT_FILES, name, WeightFile(name, f"features/{file}", sha256=sha256, url=url, **about))
        return url

    return enter


@pytest.fixture
def fetch(tmp_path):
    words = ("weights", "fetch", "--weights-root", str(tmp_path))
    return lambda *names: CliRunner().invoke(cli, [*words, *names], prog_name="bench")


@pytest.fixture
def place(tmp_path):
    """Where good.pth belongs."""
    return tmp_path / "features" / "good.pth"
