import hashlib
import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import weight_files
from bench.cli import cli
from bench.weight_files import WEIGHT_FILES, WeightFile

CONTENT = bytes(range(256)) * 2000  # more than one block
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def run(*words):
    return CliRunner().invoke(cli, ["weights", *map(str, words)], prog_name="bench")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/absent.pth":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 300_000 if self.path == "/cut.pth" else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """Serve CONTENT under every name but two."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.requests = []
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def known(server, monkeypatch):
    """Enter a file into the table of known ones."""

    def enter(file="good.pth", sha256=SHA256):
        url = f"http://127.0.0.1:{server.server_port}/{file}"
        monkeypatch.setitem(WEIGHT_FILES, "tiny", WeightFile("tiny", f"features/{file}", "tests", sha256, "none", url))
        return url

    return enter


def test_naming_the_files_needs_no_torch():
    code = "import sys; from bench.commands.list import KINDS; KINDS['weights'](); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_the_plain_list_says_which_files_are_there(known, tmp_path, monkeypatch):
    known()
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    lines = CliRunner().invoke(cli, ["list", "weights"], prog_name="bench").stdout.splitlines()
    assert "tests (missing)" in lines[-1]
    run("fetch", "tiny")  # the folder is that of $BENCH_WEIGHTS
    lines = CliRunner().invoke(cli, ["list", "weights"], prog_name="bench").stdout.splitlines()
    assert lines[-1].split() == ["tiny", "tests", "(0.5", "MB)"]


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_fetched_file_lies_where_the_suite_looks_for_it(known, tmp_path):
    known()
    done = run("fetch", "tiny", "--weights-root", tmp_path)
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'features' / 'good.pth'}\n")
    assert (tmp_path / "features" / "good.pth").read_bytes() == CONTENT
    assert weight_files.verified("tiny", tmp_path) == (tmp_path / "features" / "good.pth", SHA256)


def test_a_right_file_is_not_fetched_twice_and_a_wrong_one_is_replaced(known, server, tmp_path):
    known()
    path = tmp_path / "features" / "good.pth"
    path.parent.mkdir()
    path.write_bytes(b"old")
    for _ in range(2):
        assert run("fetch", "tiny", "--weights-root", tmp_path).exit_code == 0
    assert path.read_bytes() == CONTENT
    assert server.requests == ["/good.pth"]


@pytest.mark.parametrize(
    ("file", "sha256", "words"),
    [
        ("good.pth", "0" * 64, "sent another file than expected"),
        ("absent.pth", SHA256, "404"),
        ("cut.pth", SHA256, "the connection ended after 300000 of 512000 bytes"),
    ],
)
def test_a_download_that_fails_leaves_no_file_and_says_what_to_do(known, tmp_path, file, sha256, words):
    url = known(file, sha256)
    done = run("fetch", "tiny", "--weights-root", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    for part in (url, words, str(tmp_path / "features" / file)):
        assert part in done.stderr
    assert files_below(tmp_path) == []


def test_a_failed_download_leaves_the_file_that_was_there(known, tmp_path):
    known(sha256="0" * 64)
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "good.pth").write_bytes(b"old")
    assert run("fetch", "tiny", "--weights-root", tmp_path).exit_code == 2
    assert (tmp_path / "features" / "good.pth").read_bytes() == b"old"


def test_offline_the_error_names_the_address_and_the_place(known, server, tmp_path):
    url = known()
    server.server_close()
    done = run("fetch", "tiny", "--weights-root", tmp_path)
    assert done.exit_code == 2
    assert url in done.stderr
    assert f"put it at {tmp_path / 'features' / 'good.pth'}" in done.stderr


def test_names_are_checked_before_anything_is_fetched(known, server, tmp_path):
    known()
    done = run("fetch", "tiny", "alexnt", "--weights-root", tmp_path)
    assert done.exit_code == 2
    assert "Did you mean 'alexnet'?" in done.stderr
    assert server.requests == []


def test_a_shipped_file_cannot_be_fetched(tmp_path):
    assert "shipped" in run("fetch", "paperdolls_features", "--weights-root", tmp_path).stderr


def test_the_list_says_what_is_there(known, tmp_path):
    known()
    before = run("list", "--weights-root", tmp_path)
    (tmp_path / "inade" / "deepfashion").mkdir(parents=True)
    (tmp_path / "inade" / "deepfashion" / "best_net_G.pth").write_bytes(b"x")
    run("fetch", "tiny", "--weights-root", tmp_path)
    listed = json.loads(run("list", "--weights-root", tmp_path, "--json").stdout)
    files = {row["name"]: row for row in listed["files"]}
    assert list(files) == list(WEIGHT_FILES)
    assert files["tiny"] == {
        "name": "tiny",
        "use": "tests",
        "state": "0.5 MB",
        "path": str(tmp_path / "features" / "good.pth"),
        "licence": "none",
    }
    assert files["alexnet"]["state"] == "missing"
    assert files["paperdolls_features"]["state"].startswith("shipped, ")
    states = {(row["method"], row["dataset"]): row["state"] for row in listed["methods"]}
    assert states["inade", "deepfashion"] == "best_net_G.pth"
    assert states["spade", "deepfashion"] == "missing"
    assert ("inade", "deepfashion2") not in states
    line = next(line for line in before.stdout.splitlines() if line.startswith("tiny "))
    assert "missing" in line
    assert f"{tmp_path}/<method>/<data set>/" in before.stdout
    inade = next(line for line in run("list", "--weights-root", tmp_path).stdout.splitlines() if "inade " in line)
    assert "deepfashion (there)" in inade
    assert "ade20k (there)" not in inade


def test_verify_finds_the_wrong_file_among_the_right_ones(known, tmp_path):
    known()
    run("fetch", "tiny", "--weights-root", tmp_path)
    trained = tmp_path / "spade" / "deepfashion" / "weights.safetensors"
    trained.parent.mkdir(parents=True)
    trained.write_bytes(b"weights")
    assert run("verify", "--weights-root", tmp_path).exit_code == 0
    trained.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(b"weights").hexdigest()}))
    assert states(tmp_path) == {"good.pth": "ok", "weights.safetensors": "ok"}
    trained.write_bytes(b"others")
    assert states(tmp_path)["weights.safetensors"] == "wrong"
    (tmp_path / "features" / "good.pth").write_bytes(CONTENT[:-1])
    done = run("verify", "--weights-root", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.count("error: ") == 2
    assert str(tmp_path / "features" / "good.pth") in done.stderr


def states(root):
    rows = json.loads(run("verify", "--weights-root", root, "--json").stdout)
    return {row["path"].rpartition("/")[2]: row["state"] for row in rows if row["path"].startswith(str(root))}


def test_a_trained_file_without_a_record_is_listed_and_right(tmp_path):
    path = tmp_path / "spade" / "deepfashion" / "weights.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert states(tmp_path) == {"weights.safetensors": "unknown"}
    assert run("verify", "--weights-root", tmp_path).exit_code == 0


def test_the_shipped_files_are_what_their_records_say(tmp_path):
    rows = json.loads(run("verify", "--weights-root", tmp_path, "--json").stdout)
    assert {"features.safetensors", "segmenter.safetensors"} <= {row["path"].rpartition("/")[2] for row in rows}
    assert {row["state"] for row in rows} <= {"ok", "unknown"}
