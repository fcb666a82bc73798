"""`bench parity` on folders of goldens, good and bad."""

import copy
import json
import pickle
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from small_goldens import make, write

from bench.commands.cli import cli


def run(*words):
    return CliRunner().invoke(cli, ["parity", *map(str, words)], prog_name="bench")


@pytest.fixture(scope="module")
def golden():
    return make()


@pytest.fixture
def fresh(golden):
    """One test's own copy of the golden, to spoil."""
    return copy.deepcopy(golden)


def statuses(result):
    return {line.split()[0]: line.split()[1] for line in result.stdout.splitlines()[:-1]}


def test_equal_goldens_are_ok_line_by_line(tmp_path, fresh):
    write(tmp_path / "a", "one", *fresh)
    write(tmp_path, "two", *fresh)
    result = run(tmp_path)
    assert result.exit_code == 0, result.stdout
    assert statuses(result) == {"a/one": "ok", "two": "ok"}
    line = result.stdout.splitlines()[0]
    assert "tolerance" in line
    assert line.endswith(" s)")
    assert result.stdout.splitlines()[-1].startswith("2 goldens: 2 ok; ")


@pytest.mark.parametrize("changes", [{"no_instance": False}, {"use_vae": True}, {"ngf": 3}], ids=str)
def test_options_of_the_authors_are_followed(tmp_path, changes):
    write(tmp_path, "g", *make(**changes))
    assert run(tmp_path).exit_code == 0


def test_missing_options_have_the_authors_defaults(tmp_path, fresh):
    meta, arrays = fresh
    for name in ("norm_G", "num_upsampling_layers", "aspect_ratio", "use_vae"):
        del meta["config"][name]
    write(tmp_path, "g", meta, arrays)
    result = run(tmp_path)
    assert result.exit_code == 0, result.stdout


@pytest.mark.parametrize("place", ["out", "out_mean", "gain rule", "gain", "salt", "macs", "count"])
def test_any_difference_is_off(tmp_path, fresh, place):
    meta, arrays = fresh
    if place in arrays:
        arrays[place] = arrays[place].copy()
        arrays[place][(0,) * arrays[place].ndim] += 2e-4
    elif place == "gain rule":
        meta["gain_rules"] = [[pattern, value * 1.01, kind] for pattern, value, kind in meta["gain_rules"]]
    else:
        name, value = {
            "gain": ("gain", 1.02),
            "salt": ("salt", "x"),
            "macs": ("generator_macs", meta["generator_macs"] + 1),
            "count": ("param_count", meta["param_count"] - 1),
        }[place]
        meta[name] = value
    write(tmp_path, "g", meta, arrays)
    write(tmp_path, "h", *make())
    result = run(tmp_path)
    assert result.exit_code == 1
    assert statuses(result) == {"g": "OFF", "h": "ok"}
    expected = {"out_mean": "out_mean", "macs": "multiply-adds", "count": "parameters"}.get(place, "out")
    assert expected in result.stdout.splitlines()[0]


def test_other_keys_are_off_and_named(tmp_path, fresh):
    meta, arrays = fresh
    meta["state_dict"]["head_1.conv_0.bias"] = [3]
    write(tmp_path, "g", meta, arrays)
    result = run(tmp_path)
    assert (result.exit_code, statuses(result)) == (1, {"g": "OFF"})
    assert "keys and shapes (head_1.conv_0.bias: ours None, golden [3])" in result.stdout


@pytest.mark.parametrize("field", ["method", "network"])
def test_unknown_goldens_fail_only_where_asked(tmp_path, fresh, field):
    meta, arrays = fresh
    write(tmp_path, "g", meta | {field: "something else"}, arrays)
    assert run(tmp_path).exit_code == 0
    assert statuses(run(tmp_path)) == {"g": "unknown"}
    assert run(tmp_path, "--strict").exit_code == 1


SPOILED = {
    "lacks the array 'label'": ("'label' is missing", lambda meta, arrays: arrays.pop("label")),
    "lacks the output": ("'out' is missing", lambda meta, arrays: arrays.pop("out")),
    "lacks label_nc": ("config lacks 'label_nc'", lambda meta, arrays: meta["config"].pop("label_nc")),
    "lacks the config": ("no object 'config'", lambda meta, arrays: meta.pop("config")),
    "lacks the keys": ("no state_dict", lambda meta, arrays: meta.pop("state_dict")),
    "has text for a number": ("'ngf' is 'many'", lambda meta, arrays: meta["config"].update(ngf="many")),
    "asks for a billion channels": ("'ngf' is 1000000000", lambda meta, arrays: meta["config"].update(ngf=10**9)),
    "asks for too many weights": ("weights, more than", lambda meta, arrays: meta["config"].update(ngf=2000)),
    "asks for a huge image": ("65536x4096 pixels", None),
    "has an unknown norm": ("'norm_G' is", lambda meta, arrays: meta["config"].update(norm_G="spectralnone3x3")),
    "has a class too many": (
        "ids 0 to 6",
        lambda meta, arrays: arrays.update(label=arrays["label"] + (arrays["label"] == 5)),
    ),
    "has labels of the wrong rank": (
        "'label' has shape",
        lambda meta, arrays: arrays.update(label=arrays["label"][0, 0]),
    ),
    "has fractional labels": ("no map of ids", lambda meta, arrays: arrays.update(label=arrays["label"] / 2)),
    "has NaN": ("'out' (float32) does not hold", lambda meta, arrays: arrays.update(out=arrays["out"] * np.nan)),
    "has a rule that never ends": ("gain rule", lambda meta, arrays: meta.update(gain_rules=[["(a+)+$", 1.0, "fan"]])),
    "promises what is not compared": ("depth cannot be", lambda meta, arrays: meta.update(outputs=["out", "depth"])),
    "promises a lone loss": ("fake cannot be", lambda meta, arrays: meta.update(losses={"fake": 1.0})),
    "promises a loss": ("d1 fake cannot be", lambda meta, arrays: meta.update(losses={"d1": {"fake": 1.0}})),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_bad_golden_says_what_is_wrong_and_stops_nothing(tmp_path, fresh, case):
    message, spoil = SPOILED[case]
    meta, arrays = fresh
    if spoil is None:
        meta["config"].update(crop_size=4096, aspect_ratio=0.0625)
    else:
        spoil(meta, arrays)
    write(tmp_path, "bad", meta, arrays)
    write(tmp_path, "good", *make())
    result = run(tmp_path)
    assert result.exit_code == 1
    assert statuses(result) == {"bad": "error", "good": "ok"}
    assert message in result.stdout.splitlines()[0]


class Trap:
    def __reduce__(self):
        return open, ("trapped", "w")


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def _pickled(path):
    np.savez(path, label=np.array([Trap()], dtype=object))


def _no_archive(path):
    path.write_bytes(pickle.dumps(Trap()))


def _lying(path):
    """A header that promises far more numbers than there are."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("label.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


@pytest.mark.parametrize("damage", [_truncated, _pickled, _no_archive, _lying])
def test_a_bad_npz_runs_no_code_and_stops_nothing(tmp_path, fresh, damage, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "bad", *fresh)
    write(tmp_path, "good", *fresh)
    damage(tmp_path / "bad.npz")
    result = run(tmp_path)
    assert result.exit_code == 1
    assert statuses(result) == {"bad": "error", "good": "ok"}
    assert "the npz cannot be read" in result.stdout
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "[" * 100_000, '"\ud800"'], ids=len)
def test_a_bad_json_stops_nothing(tmp_path, fresh, text):
    write(tmp_path, "good", *fresh)
    (tmp_path / "bad.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert statuses(run(tmp_path)) == {"bad": "error", "good": "ok"}


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, fresh):
    write(tmp_path / "outside", "g", *fresh)
    (tmp_path / "goldens").mkdir()
    (tmp_path / "goldens" / "g.json").symlink_to(tmp_path / "outside" / "g.json")
    assert statuses(run(tmp_path / "goldens")) == {"g": "error"}
    (tmp_path / "goldens" / "h.npz").symlink_to(tmp_path / "outside" / "g.npz")
    write(tmp_path / "goldens", "h", fresh[0])
    assert statuses(run(tmp_path / "goldens", "--only", "h")) == {"h": "error"}


def test_only_runs_what_is_named(tmp_path, fresh):
    write(tmp_path, "spade_a", *fresh)
    write(tmp_path, "inade_b", *fresh)
    assert statuses(run(tmp_path, "--only", "spade*")) == {"spade_a": "ok"}
    result = run(tmp_path, "--only", "clade*")
    assert result.exit_code == 2
    assert "named like 'clade*'" in result.stderr


def test_no_goldens_is_the_users_mistake(tmp_path):
    assert run(tmp_path).exit_code == 2
    assert run(tmp_path / "nowhere").exit_code == 2
    assert "holds no golden" in run(tmp_path).stderr


def test_json_has_every_verdict(tmp_path, fresh):
    write(tmp_path, "g", *fresh)
    meta, arrays = fresh
    write(tmp_path, "off", meta | {"outputs": ["out"]}, arrays | {"out": arrays["out"][:, :, :3]})
    result = run(tmp_path, "--json")
    good, off = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (good["name"], good["status"], good["worst"]["name"]) == ("g", "ok", good["worst"]["name"])
    assert good["worst"]["error"] <= good["worst"]["tolerance"]
    assert (off["status"], off["worst"]["name"], off["worst"]["error"]) == ("OFF", "out", None)
