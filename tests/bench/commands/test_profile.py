import csv
import io
import json
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from bench.commands.cli import cli
from bench.evaluation import costs
from bench.evaluation.costs import CostPlan, count, plan_costs, probe_layout
from bench.results.store import RecordStore
from models.clade import CLADE_ICPE
from models.inade import INADE, InstanceNoiseNorm
from models.sean import SEAN
from models.spade import SPADE, VSPADE

METHODS = "spade,vspade,groupdnet,inade"


@pytest.fixture
def run(tmp_path):
    return lambda *words: CliRunner().invoke(
        cli, ["profile", "--out", str(tmp_path), "--device", "cpu", *map(str, words)], prog_name="bench"
    )


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


def test_every_method_has_a_row_of_costs(run):
    rows = json.loads(run("--methods", METHODS, "--json").stdout)
    assert [row["method"] for row in rows] == METHODS.split(",")
    for row in rows:
        assert (row["dataset"], row["preset"], row["device"]) == ("paperdolls2", "tiny", None)
        assert row["gflops"] == pytest.approx(2 * row["gmacs"])
        assert row["seconds"] is row["memory_mb"] is None
        assert (row["gmacs_einsum"] is None) == (row["method"] != "inade")
    spade, vspade = (spec.build(spec.tiny) for spec in (SPADE, VSPADE))
    assert [row["params_m"] for row in rows[:2]] == [parameters(spade.generator), parameters(vspade.generator)]
    assert [row["params_with_encoder_m"] for row in rows[:2]] == [parameters(spade), parameters(vspade)]


def test_table_and_csv_hold_the_same_counts(run):
    rows = list(csv.DictReader(io.StringIO(run("--methods", "spade,inade", "--csv").stdout)))
    assert [row["method"] for row in rows] == ["spade", "inade"]
    shown = run("--methods", "spade,inade").stdout.splitlines()
    for row in rows:
        line = next(line for line in shown if line.split()[:2] == [row["method"], "(tiny)"])
        keys = ("params_m", "params_with_encoder_m", "gmacs", "gmacs_paper", "gmacs_einsum", "gflops")
        assert line.split()[-6:] == [f"{float(row[key]):.2f}" if row[key] else "-" for key in keys]
    assert "Parameters (M)" in shown[0]
    assert "Time" not in shown[0]


class Clock:
    """Times that are known."""

    def __init__(self, rounds):
        self.rounds = rounds

    def measure(self, network, run):
        assert not torch.backends.cudnn.allow_tf32
        spread = {"seconds_p10": 1.5, "seconds_p90": 2.5, "calls": 5 * self.rounds}
        return {"seconds": 2.0, **spread, "cpu_share": 0.5 if self.rounds == 7 else 1.0}


def test_time_is_measured_on_request_with_its_spread(run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(costs, "Seconds", Clock)
    row = json.loads(run("--methods", "spade", "--json").stdout)[0]
    assert row["seconds"] is row["seconds_p10"] is row["calls"] is row["device"] is None
    row = json.loads(run("--methods", "spade", "--time", "--repeats", 3, "--json").stdout)[0]
    assert [row[key] for key in ("seconds", "seconds_p10", "seconds_p90", "calls")] == [2.0, 1.5, 2.5, 15]
    assert (row["device"], row["doubts"], row["memory_mb"], row["joules"]) == ("cpu", None, None, None)
    assert row["precision"] == f"float32, threads: {torch.get_num_threads()}"
    record = next(record for record in RecordStore(tmp_path) if record.metric == "seconds")
    assert record.values["fps"] == 0.5
    assert record.provenance.precision == row["precision"]
    assert torch.backends.cudnn.allow_tf32  # as it was before


def test_a_time_that_others_disturbed_is_marked(run, tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "Seconds", Clock)
    words = ("--methods", "spade,inade", "--time", "--repeats", 7)
    doubt = "Timed while others used the machine: the process had the CPU 50% of the time."
    assert json.loads(run(*words, "--json").stdout)[0]["doubts"] == doubt
    text = run(*words).stdout
    assert text.count("2.0000*") == 2
    assert f"* inade on paperdolls2: {doubt}" in text
    records = {record.metric: record for record in RecordStore(tmp_path)}
    assert records["seconds"].doubts == (doubt,)
    assert records["macs"].doubts == ()


def test_a_time_is_really_taken(run):
    row = json.loads(run("--methods", "inade", "--time", "--json").stdout)[0]
    assert 0 < row["seconds_p10"] <= row["seconds"] <= row["seconds_p90"]
    assert row["calls"] == 5


def test_the_help_states_the_rules():
    text = " ".join(CliRunner().invoke(cli, ["profile", "--help"], prog_name="bench").stdout.split())
    for words in ("Rule macs:", "Rule flops: twice macs", "Rule macs_paper:", "warm-up", "10th and 90th", "95 %"):
        assert words in text


def test_what_is_on_record_is_not_measured_again_unless_asked(run, tmp_path, monkeypatch):
    first = json.loads(run("--methods", "spade", "--json").stdout)
    records = {record.metric: record for record in RecordStore(tmp_path)}
    assert {record.weights for record in records.values()} == {"none"}
    assert records.keys() == {"params", "macs"}
    monkeypatch.setattr(costs, "count", lambda plan: 1 / 0)
    assert json.loads(run("--methods", "spade", "--json").stdout) == first
    assert "ZeroDivisionError" in run("--methods", "spade", "--fresh").stderr
    monkeypatch.setattr(costs, "count", lambda plan: ("meta", {"params": {"params_m": 1.0}, "macs": {"gmacs": 2.0}}))
    assert json.loads(run("--methods", "spade", "--fresh", "--json").stdout)[0]["params_m"] == 1.0


def test_times_of_another_machine_are_other_records_and_counts_are_not():
    plan = CostPlan(SPADE, SPADE.tiny, "paperdolls2", "tiny")
    assert plan.key("seconds", "cpu") != plan.key("seconds", "NVIDIA H200")
    assert plan.key("macs", "cpu") == plan.key("macs", "NVIDIA H200")
    assert plan.key("macs", "cpu") != plan.key("params", "cpu")
    wider = replace(plan, config=replace(SPADE.tiny, hidden=64))
    assert plan.key("macs", "cpu") != wider.key("macs", "cpu")


def test_several_data_sets_and_a_line_for_what_does_not_exist(run):
    done = run("--methods", "spade,groupdnet,truth", "--dataset", "deepfashion,coco-stuff", "--json")
    rows = [(row["method"], row["dataset"]) for row in json.loads(done.stdout)]
    assert rows == [("spade", "deepfashion"), ("groupdnet", "deepfashion"), ("spade", "coco-stuff")]
    assert "skipped: GroupDNet has no network of the paper's size for coco-stuff" in done.stderr
    assert "skipped: Truth has no network" in done.stderr


def test_all_names_every_method_and_every_data_set(run, monkeypatch):
    seen = []

    def planned(specs, datasets, preset):
        seen.append(([spec.name for spec in specs], datasets))
        return [], []

    monkeypatch.setattr("bench.commands.profile.plan_costs", planned)
    run("--methods", "all", "--dataset", "all", "--json")
    assert {"spade", "sean", "truth"} <= set(seen[0][0])
    assert {"cityscapes", "ade20k", "coco-stuff", "deepfashion"} <= set(seen[0][1])


def test_the_layout_has_all_classes_and_the_documented_instances():
    plans, _ = plan_costs([INADE], ["cityscapes", "ade20k", "celebamask-hq", "deepfashion"], None)
    layouts = [probe_layout(plan.sizes) for plan in plans]
    assert [layout.num_instances for layout in layouts] == [19, 24, 16, 8]
    assert [layout.labels.unique().numel() for layout in layouts] == [35, 151, 19, 8]
    assert layouts[0].labels.shape == (1, 256, 512)
    assert probe_layout({"height": 4, "width": 6, "classes": 3, "instances": 2}).labels[0, 0].tolist() == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip


def test_the_multiply_adds_of_inade_grow_with_the_instances(monkeypatch):
    plan = CostPlan(INADE, INADE.tiny, "paperdolls2", "tiny")
    few = count(plan)[1]["macs"]
    monkeypatch.setattr(costs, "_OTHER_INSTANCES", 9)
    more = count(plan)[1]["macs"]
    rows = sum(norm.fc_noise.weight.numel() for norm in norms_of(INADE))  # 2 noises of every instance
    assert (more["gmacs"] - few["gmacs"]) * 1e9 == pytest.approx(2 * rows)
    assert more["gmacs_einsum"] * (4 * 8 + 2 * 8) == pytest.approx(few["gmacs_einsum"] * (4 * 8 + 2 * 9))


def norms_of(spec):
    return [module for module in spec.build(spec.tiny).modules() if isinstance(module, InstanceNoiseNorm)]


def test_an_encoder_inside_the_generator_is_counted_once_and_run():
    plan = CostPlan(SEAN, SEAN.tiny, "paperdolls2", "tiny")
    where, values = count(plan)
    method = SEAN.build(SEAN.tiny)
    assert where == "meta"
    assert values["params"]["params_m"] == values["params"]["params_with_encoder_m"] == parameters(method.generator)
    first = method.generator.Zencoder.model[1]  # of the encoder, on the photo's own grid
    assert values["macs"]["gmacs"] * 1e9 > 64 * 64 * first.weight.numel()
    method.generator.Zencoder = torch.nn.Identity()
    assert parameters(method.generator) < values["params"]["params_m"]


def test_a_network_that_reads_the_layouts_values_is_counted_on_the_cpu():
    plan = CostPlan(CLADE_ICPE, CLADE_ICPE.tiny, "paperdolls2", "tiny")
    where, values = count(plan)
    assert where == "cpu"
    assert values["macs"]["gmacs"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--methods", "spad"), "Did you mean 'spade'?"),
        (("--methods", "spade", "--dataset", "citiscapes"), "Did you mean 'cityscapes'?"),
        (("--methods", "spade", "--dataset", "deepfashion", "--preset", "tiny"), "--preset paper"),
        (("--methods", "truth"), "has no network that could be profiled"),
    ],
)
def test_a_wrong_name_is_one_line(run, words, message):
    done = run(*words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_equal_networks_on_two_data_sets_have_a_record_each():
    from bench.evaluation.costs import CostPlan
    from models.spade import SPADE

    one, two = (CostPlan(SPADE, SPADE.configs[name], name, "paper") for name in ("deepfashion", "deepfashion2"))
    assert one.config == two.config
    assert one.key("params", "cpu") != two.key("params", "cpu")
