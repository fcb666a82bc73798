"""Nothing but `bench weights fetch` touches the network."""

from __future__ import annotations

import socket

import pytest
from small_runs import bench, measure, records


class NetworkUsedError(AssertionError):
    """The network was used."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Make every way to the network an error that no command catches for another one."""

    def refuse(*words, **_):
        raise NetworkUsedError(f"the network was used: {words}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)


def test_the_poison_works(tmp_path):
    shown = bench("weights", "fetch", "alexnet", "--weights-root", tmp_path)
    assert "NetworkUsedError" in shown.stderr
    assert shown.exit_code == 1


def test_a_run_stays_at_home(tmp_path):
    shown = measure(tmp_path, methods="truth,spade,inade")
    assert shown.exit_code == 0, shown.stderr
    assert len(records(tmp_path)) == 21  # 7 metrics each


@pytest.mark.parametrize("metric", ["fid", "lpips", "mcsd"])
def test_missing_networks_are_said_and_not_fetched(tmp_path, metric):
    shown = measure(tmp_path, "--metrics", metric, "--weights-root", tmp_path)
    assert shown.exit_code == 2
    assert "NetworkUsedError" not in shown.stderr
    assert "bench weights fetch " in shown.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("list", "weights"),
        ("list", "methods"),
        ("weights", "list"),
        ("weights", "verify"),
        ("doctor", "--dataset", "paperdolls2", "--methods", "inade"),
        ("profile", "--methods", "inade", "--out", "OUT"),
        ("sample", "--method", "inade", "--untrained", "--items", "1", "--samples", "1", "-o", "OUT/grid.png"),
        ("table", "inade-1"),
        ("claims", "--dataset", "paperdolls"),
        ("compare", "results/baselines/paperdolls.json", "results/baselines/paperdolls.json"),
        ("export", "--records", "results/costs", "-o", "OUT/all.csv"),
        ("report", "--records", "results/costs", "-o", "OUT/report.html"),
        ("protocols", "--explain", "inade2021"),
    ],
    ids=" ".join,
)
def test_other_commands_stay_at_home(tmp_path, words):
    shown = bench(*(word.replace("OUT", str(tmp_path)) for word in words))
    assert shown.exit_code == 0, shown.stderr


def test_what_must_be_clicked_is_said_without_asking_the_network(tmp_path):
    shown = bench("weights", "fetch", "drn_d_105", "--weights-root", tmp_path)
    assert shown.exit_code == 2
    assert "NetworkUsedError" not in shown.stderr
