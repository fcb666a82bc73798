import csv
import io
import json

import pytest
import torch
from click.testing import CliRunner

from bench import profiling
from bench.cli import cli
from bench.profiling import first_layout, profile, synthetic_layout
from models.inade import INADE
from models.spade import SPADE

METHODS = "truth,spade,vspade,groupdnet,inade"


def run(*words):
    return CliRunner().invoke(cli, ["profile", *map(str, words)], prog_name="bench")


@pytest.fixture(autouse=True)
def quiet(caplog):
    """The probe of time warns where others use the machine."""
    caplog.set_level("ERROR")


def test_every_method_has_a_row_of_costs(tmp_path):
    rows = json.loads(run("--methods", METHODS, "--json", "--data-root", tmp_path).stdout)
    assert [row["method"] for row in rows] == METHODS.split(",")
    for row in rows:
        assert (row["dataset"], row["preset"], row["layout"]) == ("paperdolls2", "tiny", "real")
        assert row["gflops"] == pytest.approx(2 * row["gmacs"])
        assert row["seconds"] > 0
    spade = next(row for row in rows if row["method"] == "spade")
    network = SPADE.build(SPADE.tiny).generator
    assert spade["params_m"] == sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert rows[0]["params_m"] == 0  # the truth has nothing to learn


def test_table_and_csv_hold_the_same_counts():
    rows = list(csv.DictReader(io.StringIO(run("--methods", "spade,inade", "--csv", "--device", "cpu").stdout)))
    assert [row["method"] for row in rows] == ["spade", "inade"]
    assert {row["memory_mb"] for row in rows} == {""}
    shown = run("--methods", "spade,inade", "--device", "cpu").stdout.splitlines()
    for row in rows:
        line = next(line for line in shown if line.split()[:2] == [row["method"], "(tiny)"])
        counts = [f"{float(row[key]):.2f}" for key in ("params_m", "gmacs", "gmacs_paper", "gflops")]
        assert line.split()[2:6] == counts
        assert line.split()[-1] == "-"
    assert "Parameters (M)" in shown[0]
    assert shown[-1] == "paperdolls2: the first layout; one image at a time on cpu."


def test_the_time_is_the_median_of_the_repeats(monkeypatch):
    times = iter([5.0, 2.0, 1.0])

    class Clock:
        def measure(self, network, run):
            return {"seconds": next(times)}

    monkeypatch.setattr(profiling, "Seconds", Clock)
    assert json.loads(run("--methods", "truth", "--repeats", 3, "--json").stdout)[0]["seconds"] == 2.0


def test_data_that_are_not_there_are_replaced_and_the_table_says_so(tmp_path, monkeypatch):
    layouts = []
    monkeypatch.setattr("bench.commands.profile.build_method", lambda *_: SPADE.build(SPADE.tiny).eval())
    monkeypatch.setattr("bench.commands.profile.profile", lambda *a: layouts.append(a[1]) or profiling.Cost(*[1.0] * 6))
    done = run("--methods", "spade", "--dataset", "deepfashion", "--data-root", tmp_path)
    assert done.exit_code == 0
    assert "spade (paper)" in done.stdout
    assert "a synthetic layout of its size" in done.stdout
    assert layouts[0].labels.shape == (1, 256, 256)
    assert layouts[0].labels.unique().tolist() == list(range(8))


def test_a_data_set_only_the_method_knows_gets_a_layout_of_its_config(tmp_path):
    layout, origin = first_layout("cityscapes", INADE.configs["cityscapes"], tmp_path)
    assert (layout.labels.shape, layout.num_classes, origin) == ((1, 256, 512), 35, "synthetic")


def test_a_synthetic_layout_holds_every_class_as_an_instance():
    layout = synthetic_layout(4, 6, 3)
    assert layout.labels[0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert layout.instances.unique().tolist() == [1, 2, 3]


def test_the_papers_network_is_built_for_the_data_set():
    with torch.device("meta"):
        network = SPADE.build(SPADE.configs["deepfashion"]).generator
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(92.21e6, rel=1e-4)


def test_costs_are_those_of_the_generator_alone():
    method = INADE.build(INADE.tiny).eval()
    layout = synthetic_layout(64, 64, 8)
    cost = profile(method, layout, 1)
    assert (
        cost.params_m < sum(parameter.numel() for parameter in method.parameters()) / 1e6
    )  # the encoder does not count
    assert cost.gmacs > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--methods", "spad"), "Did you mean 'spade'?"),
        (("--methods", "spade", "--dataset", "citiscapes"), "Did you mean 'cityscapes'?"),
        (("--methods", "spade", "--dataset", "deepfashion", "--preset", "tiny"), "--preset paper"),
    ],
)
def test_a_wrong_name_is_one_line(words, message):
    done = run(*words)
    assert done.exit_code == 2
    assert message in done.stderr
