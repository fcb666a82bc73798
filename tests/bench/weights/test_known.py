"""The table of weight files is whole, agrees with the methods, and no unknown file passes unseen."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.weights import known
from bench.weights.known import KINDS, WEIGHT_FILES, find, method_folder, verified, voucher
from bench.weights.trust import first_use_file
from models import METHODS

CONTENT = b"PK weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()

# Names that other parts of the suite and its users rely on.
NAMES = """inception_fid inception_ts inception_tv alexnet vgg16 vgg19 squeezenet lpips_alex lpips_vgg lpips_squeeze
drn_d_105 drn_d_22 upernet_rgb_encoder upernet_rgb_decoder upernet_bgr_encoder upernet_bgr_decoder deeplab_coco
celeba_unet deepfashion_unet cihp_pgn sims_results_cityscapes sims_results_ade20k_outdoor
scgan_results_ade20k scgan_results_coco"""


def test_every_file_has_its_name():
    assert set(NAMES.split()) <= WEIGHT_FILES.keys()


@pytest.mark.parametrize("name", WEIGHT_FILES)
def test_a_file_says_where_it_belongs_whose_it_is_and_how_to_get_it(name):
    weights = WEIGHT_FILES[name]
    assert weights.kind in KINDS
    assert weights.use
    assert weights.licence
    assert weights.origin
    ways = [weights.url, weights.click, weights.command, weights.ships_with]
    assert sum(way is not None for way in ways) == 1
    place = PurePosixPath(weights.place)
    assert not place.is_absolute()
    assert ".." not in place.parts
    assert weights.sha256 is None or re.fullmatch("[0-9a-f]{64}", weights.sha256)
    assert weights.url is None or re.fullmatch(r"https?://[^\s{}<>]+[^/]", weights.url)


def test_no_two_files_share_a_place():
    places = [(weights.ships_with, weights.place) for weights in WEIGHT_FILES.values()]
    assert len(places) == len(set(places))


def is_read(name):
    """A file deeper in the folder is of a form that the suite does not read."""
    return WEIGHT_FILES[name].kind == "methods" and name.split("/")[0] in METHODS and name.count("/") == 2


@pytest.mark.parametrize("name", list(filter(is_read, WEIGHT_FILES)))
def test_the_files_of_a_method_are_those_it_looks_for(name):
    method, dataset, file = name.split("/")
    spec = resolve("method", METHODS, method)
    assert dataset in spec.configs
    wanted = [names for names in spec.files.values() if file in names]
    assert len(wanted) == 1, f"{method} looks for {dict(spec.files)}"
    assert set(WEIGHT_FILES[name].also) <= set(wanted[0])


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("alexnet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
        (
            "upernet_bgr_decoder",
            "http://sceneparsing.csail.mit.edu/model/pytorch/baseline-resnet101-upernet/decoder_epoch_50.pth",
        ),
        (
            "bicyclegan/facades/latest_net_E.pth",
            "http://efrosgans.eecs.berkeley.edu/BicycleGAN/models/facades_net_E.pth",
        ),
    ],
)
def test_a_link_ends_with_the_name_that_the_file_has_there(name, url):
    assert WEIGHT_FILES[name].url == url


def test_files_of_packages_are_looked_for_there():
    import lpips

    path = WEIGHT_FILES["lpips_vgg_0.0"].path(Path("weights"))
    assert path == Path(lpips.__file__).parent / "weights" / "v0.0" / "vgg.pth"
    assert path.is_file()


def test_a_misspelt_field_of_the_table_is_an_error(tmp_path):
    table = tmp_path / "files.toml"
    text = '[[release]]\nkind = "other"\nuse = "x"\norigin = "x"\nlicence = "x"\nfile = [{ place = "a/b", %s = "x" }]'
    table.write_text(text % "click")
    (weights,) = known._read(table)
    assert (weights.name, weights.click) == ("a/b", "x")
    table.write_text(text % "clik")
    with pytest.raises(TypeError, match="clik"):
        list(known._read(table))


def test_two_persons_are_drawn_by_the_network_of_one():
    assert method_folder("inade", "deepfashion2", Path("w")) == Path("w/inade/deepfashion")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alexnet", ("bench weights fetch alexnet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth")),
        ("drn_d_105", ("0B_4LoEXGO1TwcmhzLXpWUVFEMXM", "by hand")),
        ("deepfashion_unet", ("bench train-segmenter --dataset deepfashion",)),
    ],
)
def test_a_missing_file_is_said_with_its_place_and_the_way_to_get_it(tmp_path, name, words):
    with pytest.raises(UserError) as error:
        find(name, tmp_path)
    for word in (name, str(WEIGHT_FILES[name].path(tmp_path)), *words):
        assert word in str(error.value)


def test_a_shipped_file_that_is_missing_belongs_to_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(known, "_package_folder", lambda package: tmp_path)
    with pytest.raises(UserError, match="package lpips; install that again"):
        find("lpips_alex", tmp_path)


# Trust


@pytest.fixture
def put(tmp_path):
    def write(name, content=CONTENT):
        path = WEIGHT_FILES[name].path(tmp_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write


def test_a_file_that_nobody_vouches_for_needs_to_be_allowed_once(tmp_path, put):
    path = put("drn_d_105")
    with pytest.raises(UserError) as error:
        verified("drn_d_105", tmp_path)
    for words in (str(path), SHA256, "bench weights fetch drn_d_105", "--allow-unknown-weights"):
        assert words in str(error.value)
    assert voucher("drn_d_105", tmp_path, SHA256) == "unknown"
    assert verified("drn_d_105", tmp_path, allow_unknown=True) == verified("drn_d_105", tmp_path) == (path, SHA256)
    assert voucher("drn_d_105", tmp_path, SHA256) == "first use"
    put("drn_d_105", b"PK others")
    with pytest.raises(UserError, match=r"\(first use\).*sha256"):
        verified("drn_d_105", tmp_path)
    other = verified("drn_d_105", tmp_path, allow_unknown=True)[1]
    assert voucher("drn_d_105", tmp_path, other) == "unknown"  # allowed for one run, not trusted
    assert first_use_file(path).read_text().startswith(SHA256)


def test_a_published_hash_is_never_replaced_by_a_first_use(tmp_path, put):
    path = put("alexnet")
    with pytest.raises(UserError, match=r"expected 7be5be79 \(published\).*--allow-unknown-weights"):
        verified("alexnet", tmp_path)
    assert verified("alexnet", tmp_path, allow_unknown=True) == (path, SHA256)
    assert voucher("alexnet", tmp_path, SHA256) == "unknown"
    assert not first_use_file(path).exists()


def test_a_file_that_holds_code_is_never_taken_for_another(tmp_path, put):
    put("inception_ts")
    with pytest.raises(UserError, match="holds code"):
        verified("inception_ts", tmp_path, allow_unknown=True)


def test_a_page_is_not_allowed_either(tmp_path, put):
    path = put("drn_d_105", b"<html>")
    with pytest.raises(UserError, match="probably it is a page"):
        verified("drn_d_105", tmp_path, allow_unknown=True)
    assert not first_use_file(path).exists()


def test_a_shipped_file_must_be_that_of_its_record(tmp_path, monkeypatch):
    monkeypatch.setattr(known, "_package_folder", lambda package: tmp_path)
    path = WEIGHT_FILES["paperdolls_features"].path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    path.with_suffix(".json").write_text(json.dumps({"sha256": SHA256}))
    assert verified("paperdolls_features", tmp_path) == (path, SHA256)
    path.write_bytes(b"others")
    with pytest.raises(UserError, match=r"\(training record\)"):
        verified("paperdolls_features", tmp_path)


def test_known_files_are_vouched_for_by_their_publisher(tmp_path, put, monkeypatch):
    monkeypatch.setitem(WEIGHT_FILES, "alexnet", replace(WEIGHT_FILES["alexnet"], sha256=SHA256))
    put("alexnet")
    assert verified("alexnet", tmp_path)[1] == SHA256
    assert voucher("alexnet", tmp_path, SHA256) == "published"
