"""What the commands say of a method that has weights but cannot be trained here."""

from click.testing import CliRunner

from bench.commands.cli import cli


def run(*words):
    return CliRunner().invoke(cli, list(map(str, words)), prog_name="bench")


def test_training_is_refused_with_the_reason():
    shown = run("train", "--method", "maskgan")
    assert shown.exit_code == 2
    assert "MaskGAN cannot be trained here. Edits a photo" in shown.stderr


def test_weights_are_missed_and_not_made_up(tmp_path):
    shown = run("run", "--methods", "maskgan", "--dataset", "paperdolls", "--out", tmp_path)
    assert shown.exit_code == 2
    assert "MaskGAN has no weights for the built-in data and cannot be trained; use --untrained." in shown.stderr


def test_its_network_can_be_profiled(tmp_path):
    shown = run("profile", "--methods", "maskgan", "--dataset", "celebamask-hq", "--out", tmp_path, "--csv")
    assert shown.exit_code == 0
    assert "89.7" in shown.stdout


def test_it_draws_untrained(tmp_path):
    words = ("--methods", "maskgan", "--dataset", "paperdolls", "--untrained", "--limit", 2, "--repeats", 1)
    shown = run("run", *words, "--metrics", "segmentation-pd", "--out", tmp_path)
    assert shown.exit_code == 0, shown.stderr
    assert "untrained" in shown.stdout
