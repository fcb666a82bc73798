from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from synthetic_records import done

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.results.records import Cell
from bench.results.report import pictures
from bench.results.report.pictures import Gallery, files_of
from bench.synthesis.gallery import Workshop, draw_gallery, picture
from bench.synthesis.grids import save_png
from bench.synthesis.methods import find_method_weights
from models import METHODS

PHOTO = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)


def opened(uri):
    head, _, content = uri.partition(",")
    assert head in ("data:image/webp;base64", "data:image/png;base64")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


def test_a_small_photo_is_kept_to_the_bit():
    found = picture(PHOTO, "a photo")
    assert (found.width, found.height, found.alt) == (6, 8, "a photo")
    assert (opened(found.uri) == PHOTO).all()


def test_a_large_photo_is_compressed():
    large = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    assert len(picture(large, "").uri) < large.size / 2


def test_pictures_of_a_folder_come_in_the_order_of_their_names(tmp_path):
    for name in ("b", "a"):
        save_png(tmp_path / f"{name}.png", PHOTO)
    (tmp_path / "notes.txt").write_text("not a picture")
    gallery = files_of(tmp_path)
    assert [each.alt for each in gallery.files] == ["a", "b"]
    assert (opened(gallery.files[0].uri) == PHOTO).all()


def test_a_picture_that_is_too_large_is_left_out_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST", 10)
    save_png(tmp_path / "a.png", PHOTO)
    assert files_of(tmp_path).files == ()
    assert files_of(tmp_path).left_out[0].startswith("a.png is larger")


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", b"", b"\x89PNG\r\n\x1a\nbroken"])
def test_what_only_has_the_name_of_a_picture_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.png: not a PNG or WebP image"):
        files_of(tmp_path)


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        files_of(tmp_path / "none")


def test_grids_show_the_methods_whose_weights_are_those_of_the_records(tmp_path):
    def identity(name):
        spec = resolve("method", METHODS, name)
        return find_method_weights(spec, "paperdolls2", "tiny", tmp_path, None, untrained=False).identity

    cells = {name: Cell(name, "tiny", "paperdolls2", "mini") for name in ("truth", "inade", "spade", "clade")}
    records = [
        done(cells["truth"], "fid-pd", "none", fid_pd=0.1),
        done(cells["inade"], "fid-pd", identity("inade"), fid_pd=0.2),
        done(cells["spade"], "fid-pd", "of other weights", fid_pd=0.3),
        done(cells["clade"], "fid-pd", "trained by the user", fid_pd=0.4),
        done(Cell("spade", "paper", "cityscapes", "inade2021"), fid=50.0),
        done(Cell("spade", "paper", "ade20k", "probe"), "params", params_m=96.5),
    ]
    workshop = Workshop(weights_root=tmp_path, data_root=tmp_path, seed=0, device=torch.device("cpu"))
    gallery = draw_gallery(records, 2, Gallery(), workshop)
    assert [grid.title for grid in gallery.grids] == [
        "paperdolls2, layout 1: whole images",
        "paperdolls2, layout 2: whole images",
        "paperdolls2, layout 1: one class re-styled, bottom",
        "paperdolls2, layout 1: one instance re-styled, one bottom (instance 12)",
    ]
    for grid in gallery.grids:
        assert grid.heads == ("Labels", "Photo", "Style 1", "Style 2")
        assert [row.title for row in grid.rows] == ["INADE (tiny)", "Truth (tiny)"]
    whole, class_, instance = gallery.grids[0].rows[1], gallery.grids[2].rows[1], gallery.grids[3].rows[1]
    changed = [
        (opened(row.pictures[2].uri) != opened(row.pictures[3].uri)).any(-1).mean() for row in (whole, class_, instance)
    ]
    assert changed[0] > changed[1] > changed[2] > 0
    costs, cityscapes, spade, clade = gallery.left_out
    assert costs == "ade20k: the records are costs, and no images belong to them."
    assert cityscapes.startswith("cityscapes: ")
    assert spade == "SPADE (tiny) on paperdolls2: the weights at hand are not those of the records."
    assert clade.startswith("CLADE (tiny) on paperdolls2: CLADE has no shipped weights")
