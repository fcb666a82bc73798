from __future__ import annotations

import errno
import json
import os
import signal
import sys

import click
import pytest
from click.testing import CliRunner
from processes import CHECKOUT, PYTHON, finished, running, stop_when
from synthetic_records import done

from bench.commands import cli
from bench.common import catalog, options
from bench.common.errors import UserError
from bench.results.store import RecordStore


def run(*words):
    return CliRunner().invoke(cli.cli, list(words), prog_name="bench")


@pytest.fixture
def broken(monkeypatch):
    """A command that raises what the test asks for."""

    def install(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(cli, "resolve", lambda *_: command)

    return install


@pytest.mark.parametrize(
    "words",
    [["--help"], ["list", "methods"], ["list", "protocols"], ["list", "tables"], ["table", "inade-1"], ["protocols"]],
    ids=" ".join,
)
def test_torch_is_not_loaded_for(words):
    program = f"""if True:
        import sys
        from bench.commands.cli import cli
        sys.argv[1:] = {words}
        try:
            cli()
        finally:
            assert "torch" not in sys.modules
    """
    code, output, errors = finished(*PYTHON, program)
    assert (code, errors) == (0, "")
    assert output


def test_the_module_runs_as_the_command_does():
    code, _, errors = finished(sys.executable, "-m", "bench", "tabel")
    assert code == 2
    assert errors.startswith("error: Unknown command 'tabel'. Did you mean 'table'?")
    assert errors.count("\n") == 1


def test_the_help_page_names_every_command():
    shown = run("--help")
    assert shown.exit_code == 0
    for name in cli.COMMANDS:
        assert f" {name} " in shown.stdout


def test_the_version_is_that_of_the_project():
    project = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{run("--version").stdout.split()[1]}"' in project


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tabel"], "Unknown command 'tabel'. Did you mean 'table'?"),
        (["list", "metods"], "Unknown kind of thing 'metods'. Did you mean 'methods'?"),
        (["table", "inade1"], "Unknown table 'inade1'. Did you mean 'inade-1'?"),
        (["table", "inade-1", "--values", "guessed"], "'guessed' is not one of"),
        (["table", "--nope"], "No such option"),
        (["table"], "Name one table"),
        (["table", "inade-1", "--all"], "Name one table"),
        (["table", "--all"], "-o DIR"),
        (["protocols", "--explain", "inade2012"], "Unknown protocol 'inade2012'. Did you mean 'inade2021'?"),
        (["protocols", "--explain", "inade2021", "--set", "fid.real_splt=val"], "fid.real_splt"),
        (["protocols", "--set", "fid.real_split=val"], "--explain"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_mistake_of_the_user_is_one_line_and_code_2(words, message):
    shown = run(*words)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert message in shown.stderr
    assert shown.stderr.startswith("error: ")
    assert shown.stderr.count("\n") == 1


def os_error(code):
    return OSError(code, os.strerror(code), "/data/results/a.json")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("put it right"), 2, "error: put it right\n"),
        (FileNotFoundError("no weights at x.pth"), 2, "error: no weights at x.pth\n"),
        (os_error(errno.ENOSPC), 2, "error: /data/results/a.json: the disk is full; "),
        (os_error(errno.EROFS), 2, "error: /data/results/a.json: the file system is read-only; "),
        (os_error(errno.EACCES), 2, "error: /data/results/a.json: permission denied; "),
        (os_error(errno.EIO), 1, "error: OSError: "),
        (ValueError("two\nlines"), 1, "error: ValueError: two lines (run again with --debug"),
        (click.UsageError("wrong use"), 2, "error: wrong use See 'bench run --help'.\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.exceptions.Exit(1), 1, ""),
        (SystemExit(1), 1, ""),
    ],
    ids=repr,
)
def test_an_error_is_one_line_with_its_exit_code(broken, error, code, words):
    broken(error)
    shown = run("run")
    assert shown.exit_code == code
    assert shown.stderr.lstrip("\n").startswith(words)
    assert shown.stderr.strip().count("\n") == 0
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("words", [["--debug", "run"], ["run", "--debug"]], ids=" ".join)
def test_debug_shows_the_traceback(broken, words):
    broken(ValueError("deep inside"))
    shown = run(*words)
    assert shown.exit_code == 1
    assert "Traceback" in shown.stderr
    assert shown.stderr.splitlines()[-1].startswith("error: ValueError: deep inside")


def test_a_signal_from_the_keyboard_gives_130():
    program = (
        "import sys, time, click; from bench.commands import cli\n"
        "@click.command()\n"
        "def command(): print('ready', flush=True); time.sleep(30)\n"
        "cli.resolve = lambda *_: command; sys.argv[1:] = ['run']; cli.main()\n"
    )
    with running(*PYTHON, program) as process:
        _, errors = stop_when(process, lambda: process.stdout.readline() == "ready\n", signal.SIGINT)
    assert process.returncode == 130
    assert errors.strip() == "interrupted"


KINDS = ["methods", "datasets", "metrics", "protocols", "segmenters", "tables", "weights"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_has_a_line_for_every_name(kind):
    names = [entry["name"] for entry in json.loads(run("list", kind, "--json").stdout)]
    lines = run("list", kind).stdout.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert len(set(names)) == len(names)


def test_the_truth_and_the_real_photos_are_listed_among_the_methods():
    assert list(catalog.methods())[-2:] == ["truth", "real"]
    assert "truth" in run("list", "methods").stdout


def test_a_protocol_is_explained_field_by_field():
    shown = run("protocols", "--explain", "inade2021", "--set", "fid.real_split=val", "--set", "repeats=2")
    assert shown.stdout.splitlines()[0] == "inade2021+fid.real_split=val+repeats=2"
    line = next(line for line in shown.stdout.splitlines() if line.startswith("fid.real_split"))
    assert line.split()[1] == "val"
    rows = json.loads(run("protocols", "--explain", "inade2021", "--json").stdout)
    assert set(rows[0]) == {"field", "value", "source", "certainty"}


def test_a_derived_name_explains_as_its_settings_do():
    by_name = run("protocols", "--explain", "inade2021+fid.real_split=val").stdout
    assert by_name == run("protocols", "--explain", "inade2021", "--set", "fid.real_split=val").stdout


def test_a_table_shows_the_records_of_the_folder(tmp_path):
    RecordStore(tmp_path).add(done(fid=9.876))
    shown = run("table", "inade-1", "--records", str(tmp_path))
    assert shown.exit_code == 0
    assert "9.88" in shown.stdout


def test_a_broken_record_stops_the_table_with_its_name(tmp_path):
    (tmp_path / "abc.json").write_text("{")
    shown = run("table", "inade-1", "--records", str(tmp_path))
    assert shown.exit_code == 2
    assert "abc.json is not a record" in shown.stderr


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.csv", "table,method,"),
        ("a.tex", "% Needs"),
        ("a.md", "**inade-1**"),
        ("a.html", "<figure"),
        ("a", "inade-1:"),
    ],
)
def test_the_format_follows_the_name_of_the_file(tmp_path, name, start):
    shown = run("table", "inade-1", "--values", "published", "-o", str(tmp_path / name))
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_a_format_that_is_named_wins(tmp_path):
    run("table", "inade-1", "--format", "csv", "-o", str(tmp_path / "a.tex"))
    assert (tmp_path / "a.tex").read_text(encoding="utf-8").startswith("table,method,")


def test_json_holds_the_lines_of_the_csv():
    lines = json.loads(run("table", "inade-1", "--values", "published", "--json").stdout)
    assert {"table": "inade-1", "method": "inade", "dataset": "deepfashion", "metric": "fid", "value": "9.97"} in lines


def test_all_tables_are_written_twice_the_same(tmp_path):
    for folder in ("one", "two"):
        assert run("table", "--all", "-o", str(tmp_path / folder)).exit_code == 0
    names = sorted(os.listdir(tmp_path / "one"))
    assert {"inade-1.csv", "inade-1.tex"} <= set(names)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_full_disk_is_code_2_and_names_the_folder(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    shown = run("table", "inade-1", "-o", str(tmp_path / "a.csv"))
    assert shown.exit_code == 2
    assert str(tmp_path) in shown.stderr
    assert os.listdir(tmp_path) == []


def test_commands_share_the_options():
    @click.command()
    @options.common_options(out="results")
    def command(**chosen):
        click.echo(json.dumps(chosen, default=str, sort_keys=True))

    shown = json.loads(CliRunner().invoke(command, []).stdout)
    assert shown == {
        "as_json": False, "batch_size": 32, "data_root": "data", "device": "auto",
        "limit": None, "num_workers": min(4, options.available_cpus()), "out": "results", "seed": 0,
    }  # fmt: skip
    for word in ("--limit=0", "--batch-size=0", "--seed=-1", "--num-workers=-1"):
        assert CliRunner().invoke(command, [word]).exit_code == 2


def test_every_shared_option_has_a_help_text():
    @click.command()
    @options.common_options(out="results")
    def command(**_):
        pass

    assert all(option.help for option in command.params)


def test_every_published_table_is_listed():
    files = sorted(path.stem for path in (CHECKOUT / "results" / "papers" / "tables").glob("*.toml"))
    assert [entry["name"] for entry in json.loads(run("list", "tables", "--json").stdout)] == files
