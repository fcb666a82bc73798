"""What a request lacks is said by planning it, before anything is computed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image

from bench.common.errors import UserError
from bench.datasets.paperdolls.dataset import open_paperdolls
from bench.evaluation.plan import Request, plan_cells

BY_PHOTO = Request(methods=("inade",), datasets=("deepfashion",), metrics=("params",), protocol="scgan2021")


@pytest.fixture
def released(tmp_path):
    """A DeepFashion of one item, and the file of INADE's generator without that of its encoder."""
    item = open_paperdolls("val", size=256)[0]
    for kind, pixels in (("img", item.image), ("label", item.labels)):
        folder = tmp_path / "data" / "deepfashion" / f"test_{kind}"
        folder.mkdir(parents=True)
        Image.fromarray(pixels).save(folder / f"{item.key}.png")
    folder = tmp_path / "weights" / "inade" / "deepfashion"
    folder.mkdir(parents=True)
    (folder / "best_net_G.pth").write_bytes(b"PK generator")
    return tmp_path


def planned(root, request):
    networks = SimpleNamespace(weights_root=root / "weights", sha256=str, device="cpu")
    return plan_cells(request, root / "data", networks)


def test_styles_of_photos_are_refused_where_the_file_of_the_encoder_is_missing(released):
    with pytest.raises(UserError, match=r"scgan2021 .* best_net_IE.pth\) is not in .*--set style=noise"):
        planned(released, BY_PHOTO)


def test_styles_of_the_prior_need_no_encoder(released):
    assert planned(released, replace(BY_PHOTO, settings=("style=noise",)))


def test_styles_of_photos_are_read_by_an_encoder_that_is_there(released):
    (released / "weights" / "inade" / "deepfashion" / "best_net_IE.pth").write_bytes(b"PK encoder")
    assert planned(released, BY_PHOTO)
