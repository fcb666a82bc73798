import json
import shutil
from collections import namedtuple

import pytest
from click.testing import CliRunner

from bench.commands.cli import cli
from bench.evaluation.doctor import LEAST_DISK
from bench.weights.known import WEIGHT_FILES


def run(*words):
    return CliRunner().invoke(cli, ["doctor", *map(str, words)], prog_name="bench")


def checks(*words):
    return {row["subject"]: row for row in json.loads(run(*words, "--json").stdout)}


def test_without_a_question_the_machine_is_checked():
    done = run()
    assert done.exit_code == 0
    subjects = [line.split()[0] for line in done.stdout.splitlines()]
    assert subjects == ["python", "versions", "device", "threads", "disk", "memory"]
    assert "torch 2." in done.stdout


def test_all_is_there_for_the_truth_on_the_built_in_data(tmp_path):
    found = checks("--methods", "truth", "--dataset", "paperdolls2", "--weights-root", tmp_path)
    assert {row["state"] for row in found.values()} == {"ok"}
    assert found["data paperdolls2"]["text"] == "100 layouts"
    assert "mini" in found["data paperdolls2 train"]["text"]
    assert "fid-pd" in found["features paperdolls_features"]["text"]
    assert found["method truth on paperdolls2"]["text"] == "needs no weights"


def test_what_is_missing_is_said_with_the_way_out(tmp_path):
    words = ("--methods", "inade", "--dataset", "deepfashion2", "--data-root", tmp_path, "--weights-root", tmp_path)
    assert run(*words).exit_code == 1
    found = checks(*words)
    for subject, way_out in {
        "data deepfashion2": "bench data prepare deepfashion2",
        "method inade on deepfashion2": str(tmp_path / "inade" / "deepfashion"),
        "features inception_fid": "bench weights fetch inception_fid",
        "features alexnet": WEIGHT_FILES["alexnet"].url,
    }.items():
        assert found[subject]["state"] == "missing"
        assert way_out in found[subject]["text"]
    assert found["disk"]["state"] == "ok"


def test_one_missing_thing_is_enough_for_code_1_and_has_its_line(tmp_path):
    done = run("--methods", "truth,inade", "--dataset", "paperdolls2", "--preset", "paper", "--weights-root", tmp_path)
    assert done.exit_code == 1
    line = next(line for line in done.stdout.splitlines() if line.startswith("method inade on paperdolls2"))
    assert line.split()[4] == "missing"
    assert "no network of the paper's size for paperdolls2" in line


def test_a_wrong_feature_network_does_not_pass(tmp_path):
    path = WEIGHT_FILES["alexnet"].path(tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"something else")
    found = checks("--dataset", "deepfashion", "--data-root", tmp_path, "--weights-root", tmp_path)
    assert found["features alexnet"]["state"] == "missing"
    assert "SHA-256" in found["features alexnet"]["text"]


def test_weights_of_a_method_are_found(tmp_path):
    folder = tmp_path / "inade" / "deepfashion"
    folder.mkdir(parents=True)
    (folder / "best_net_G.pth").write_bytes(b"PK")
    found = checks(
        "--methods", "inade", "--dataset", "deepfashion2", "--data-root", tmp_path, "--weights-root", tmp_path
    )
    assert found["method inade on deepfashion2"]["text"] == str(folder / "best_net_G.pth")


def test_the_protocol_decides_which_photos_are_looked_for():
    found = checks("--dataset", "paperdolls2", "--protocol", "smis2020")
    assert [subject for subject in found if subject.startswith("data")] == ["data paperdolls2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "paperdols"), "Did you mean 'paperdolls'?"),
        (("--methods", "inad", "--dataset", "paperdolls2"), "Did you mean 'inade'?"),
        (("--protocol", "inade2012", "--dataset", "paperdolls2"), "Did you mean 'inade2021'?"),
        (("--methods", "inade"), "--dataset"),
    ],
)
def test_a_wrong_name_is_an_error_and_no_finding(words, message):
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_device_that_is_not_there_is_missing():
    assert checks("--device", "cuda:77")["device"]["state"] == "missing"


def test_a_full_disk_is_missing_space(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, int(LEAST_DISK) - 1))
    assert run().exit_code == 1
    assert checks()["disk"]["state"] == "missing"
