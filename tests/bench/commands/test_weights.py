import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from processes import PYTHON, finished

from bench.commands.cli import cli
from bench.commands.weights import cells_without_release
from bench.weights.known import WEIGHT_FILES

CONTENT = b"PK weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def run(*words):
    return CliRunner().invoke(cli, ["weights", *map(str, words)], prog_name="bench")


def put(root, *names, content=CONTENT):
    """Put files where the suite looks for them."""
    for name in names:
        path = WEIGHT_FILES[name].path(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def listed(root, *words):
    return json.loads(run("list", "--weights-root", root, "--json", *words).stdout)


@pytest.mark.parametrize(
    "code",
    [
        "from bench.commands.list import KINDS; KINDS['weights']()",
        "from bench.commands.weights import list_files; list_files(['--weights-root', '.'], standalone_mode=False)",
    ],
)
def test_naming_the_files_needs_no_torch(code):
    result, _, errors = finished(*PYTHON, f"import sys; {code}; sys.exit('torch' in sys.modules)")
    assert result == 0, errors


def test_the_plain_list_says_which_files_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))

    def state():
        lines = CliRunner().invoke(cli, ["list", "weights"], prog_name="bench").stdout.splitlines()
        return next(line for line in lines if line.startswith("drn_d_105 "))

    assert "Cityscapes" in state()
    assert "(missing)" in state()
    put(tmp_path, "drn_d_105", content=bytes(200_000))
    assert "(0.2 MB)" in state()


def test_json_says_all_that_is_known_of_a_file(tmp_path):
    files = {row["name"]: row for row in listed(tmp_path)["files"]}
    assert list(files) == list(WEIGHT_FILES)
    assert files["deeplab_coco"] == {
        "name": "deeplab_coco",
        "kind": "segmenters",
        "use": "mIoU and accuracy on COCO-Stuff (SPADE, SC-GAN)",
        "state": "missing",
        "path": str(tmp_path / "segmenters" / "deeplabv2_resnet101_msc-cocostuff164k-100000.pth"),
        "megabytes": 224.1,
        "sha256": None,
        "sha256_from": None,
        "licence": "MIT (code); not stated for the weights",
        "origin": "deeplab-pytorch (kazuto1011), release v1.0",
        "get": files["deeplab_coco"]["get"],
        "note": "",
    }
    assert "bench weights fetch deeplab_coco" in files["deeplab_coco"]["get"]
    assert "https://github.com/kazuto1011/deeplab-pytorch/releases/download/v1.0/" in files["deeplab_coco"]["get"]
    assert (files["alexnet"]["sha256_from"], files["alexnet"]["sha256"][:8]) == ("published", "7be5be79")
    assert files["paperdolls_features"]["state"] == "shipped, 0.5 MB"
    assert files["paperdolls_features"]["sha256_from"] == "training record"
    assert "12gvlTbMvUcJewQlSEaZdeb2CdOB-b8kQ" in files["spade/ade20k/latest_net_G.pth"]["get"]


def test_the_list_says_what_is_there_and_who_vouches_for_it(tmp_path):
    put(tmp_path, "celeba_unet", "inade/ade20k/best_net_G.pth")
    run("fetch", "celeba_unet", "--weights-root", tmp_path)
    files = {row["name"]: row for row in listed(tmp_path)["files"]}
    found = files["celeba_unet"]
    assert (found["state"], found["sha256"], found["sha256_from"]) == ("0 kB", SHA256, "first use")
    assert files["inade/ade20k/best_net_G.pth"]["state"] == "0 kB"
    assert files["inade/ade20k/best_net_E.pth"]["state"] == "missing"
    (tmp_path / "inade" / "ade20k" / "best_net_IE.pth").write_bytes(CONTENT)  # the name it has in some archives
    files = {row["name"]: row for row in listed(tmp_path)["files"]}
    assert files["inade/ade20k/best_net_E.pth"]["path"].endswith("best_net_IE.pth")


def test_a_folder_of_images_is_there_once_it_holds_something(tmp_path):
    folder = tmp_path / "images" / "sims" / "cityscapes"
    folder.mkdir(parents=True)

    def state():
        return {row["name"]: row["state"] for row in listed(tmp_path)["files"]}["sims_results_cityscapes"]

    assert state() == "missing"
    (folder / "a.png").write_bytes(b"x")
    assert state() == "there"


def test_the_text_has_every_file_below_its_publisher(tmp_path):
    text = run("list", "--weights-root", tmp_path).stdout
    lines = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert lines == list(WEIGHT_FILES)
    heads = text.split("\n\n")
    spade = next(head for head in heads if head.startswith("SPADE "))
    for words in ("CC BY-NC-SA 4.0", "By hand: Google Drive", "spade/ade20k/latest_net_G.pth", "386.4 MB"):
        assert words in spade
    torchvision = next(head for head in heads if head.startswith("torchvision"))
    for words in ("Direct", "7be5be79", "features/alexnet-owt-7be5be79.pth", "LPIPS", "244.4 MB"):
        assert words in torchvision


def test_filters_by_kind_and_by_method(tmp_path):
    names = [row["name"] for row in listed(tmp_path, "--kind", "segmenters")["files"]]
    assert "drn_d_105" in names
    assert "alexnet" not in names
    assert listed(tmp_path, "--kind", "segmenters")["to_train"] == []
    found = listed(tmp_path, "--for", "scgan")
    assert {row["kind"] for row in found["files"]} == {"methods", "images"}
    assert all("scgan/" in row["path"] for row in found["files"])
    assert {row["method"] for row in listed(tmp_path, "--for", "spade")["to_train"]} == {"spade"}
    assert "spade-compact" not in run("list", "--for", "spade", "--weights-root", tmp_path).stdout
    refused = run("list", "--for", "inad", "--weights-root", tmp_path)
    assert refused.exit_code == 2
    assert "Did you mean 'inade'?" in refused.stderr


# Facts: coverage table, for the methods of the suite; "-" is nothing.
NOTHING = {
    "pix2pixhd": {"cityscapes", "ade20k", "ade20k-outdoor", "coco-stuff", "celebamask-hq", "deepfashion"},
    "spade": {"ade20k-outdoor", "celebamask-hq", "deepfashion"},
    "vspade": {"deepfashion"},
    "bicyclegan": {"cityscapes", "ade20k", "celebamask-hq", "deepfashion"},
    "dscgan": {"cityscapes", "ade20k", "celebamask-hq", "deepfashion"},
    "clade": {"celebamask-hq", "deepfashion"},
    "sean": {"cityscapes", "ade20k", "deepfashion"},
    "groupdnet": {"celebamask-hq"},
    "crn": {"cityscapes", "ade20k", "ade20k-outdoor", "coco-stuff"},  # Cityscapes: in TensorFlow only
    "scgan": {"cityscapes"},
    "inade": {"deepfashion"},  # released, but with other noise: the files are inade-8's
    "inade-8": {"cityscapes", "celebamask-hq"},
    "inade-128": {"cityscapes", "celebamask-hq"},
}


def test_the_cells_that_nobody_released_files_for_are_those_of_the_facts():
    cells = {}
    for method, dataset in cells_without_release():
        cells.setdefault(method, set()).add(dataset)
    assert {method: cells.get(method) for method in NOTHING} == NOTHING
    assert not {"inade-64", "ccfpse", "sims"} & cells.keys()  # of SIMS there are images


def test_what_must_be_trained_is_listed_with_its_place(tmp_path):
    path = tmp_path / "spade" / "deepfashion" / "weights.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    rows = {(row["method"], row["dataset"]): row for row in listed(tmp_path)["to_train"]}
    assert rows["spade", "deepfashion"] == {
        "method": "spade",
        "dataset": "deepfashion",
        "path": str(path),
        "state": "there",
    }
    assert rows["spade", "celebamask-hq"]["state"] == "missing"
    assert ("spade", "ade20k") not in rows
    line = next(
        line for line in run("list", "--weights-root", tmp_path).stdout.splitlines() if line.startswith("spade  ")
    )
    assert "deepfashion (there)" in line
    assert "celebamask-hq (there)" not in line


# Verify


def verdicts(root):
    rows = json.loads(run("verify", "--weights-root", root, "--json").stdout)
    return {Path(row["path"]).relative_to(root).as_posix(): row["state"] for row in rows if str(root) in row["path"]}


def test_verify_finds_the_wrong_file_among_the_right_ones(tmp_path, monkeypatch):
    put(tmp_path, "drn_d_105", "celeba_unet", "alexnet")
    trained = tmp_path / "spade" / "deepfashion" / "weights.safetensors"
    trained.parent.mkdir(parents=True)
    trained.write_bytes(CONTENT)
    trained.with_suffix(".json").write_text(json.dumps({"sha256": SHA256}))
    run("fetch", "celeba_unet", "--weights-root", tmp_path)
    found = verdicts(tmp_path)
    assert found["segmenters/model.pth"] == found["spade/deepfashion/weights.safetensors"] == "ok"
    assert found["segmenters/drn-d-105_ms_cityscapes.pth"] == "unknown"
    assert found["features/alexnet-owt-7be5be79.pth"] == "wrong"
    assert found["features/vgg19-dcbb9e9d.pth"] == "missing"
    assert not any(path.endswith((".json", ".sha256")) for path in found)
    put(tmp_path, "celeba_unet", content=b"PK others")
    trained.write_bytes(b"others")
    done = run("verify", "--weights-root", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.count("error: ") == 3
    for path in ("alexnet-owt-7be5be79.pth", "model.pth", "weights.safetensors"):
        assert path in done.stderr
    for source in ("(published)", "(first use)", "(training record)"):
        assert source in done.stderr


def test_verify_counts_unknown_files_as_right_and_names_the_missing(tmp_path):
    put(tmp_path, "drn_d_105")
    (tmp_path / "mine" / "x").mkdir(parents=True)
    (tmp_path / "mine" / "x" / "own.pth").write_bytes(b"own")
    (tmp_path / "images" / "sims").mkdir(parents=True)
    (tmp_path / "images" / "sims" / "a.png").write_bytes(b"x")
    done = run("verify", "--weights-root", tmp_path)
    assert done.exit_code == 0
    assert hashlib.sha256(b"own").hexdigest() in done.stdout
    assert "a.png" not in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("missing, ")
    assert " alexnet," in last
    assert "drn_d_105" not in last


def test_the_shipped_files_are_what_their_records_say(tmp_path):
    rows = json.loads(run("verify", "--weights-root", tmp_path, "--json").stdout)
    found = {Path(row["path"]).name: row for row in rows if row["state"] != "missing"}
    assert {"features.safetensors", "segmenter.safetensors", "inade.safetensors", "alex.pth"} <= found.keys()
    assert {row["state"] for row in found.values()} == {"ok"}
