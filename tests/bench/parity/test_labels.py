"""Goldens of label maps that differ in any way are OFF, and bad ones say what is wrong."""

import json

import numpy as np
import pytest

from bench.parity.verdict import judge

LABELS = np.array([[[7, 8, 33], [0, 26, 24]]], np.uint8)
TRAIN_IDS = np.array([[[0, 1, 18], [255, 13, 11]]], np.uint8)


def verdict(folder, meta, arrays):
    meta = {"kind": "function", "inputs": [name for name in arrays if name not in meta["outputs"]], **meta}
    (folder / "g.json").write_text(json.dumps(meta))
    np.savez(folder / "g.npz", **arrays)
    return judge(folder / "g.json", "g", folder)


def faces(**changes):
    arrays = {"part_skin": np.array([[255, 255, 0]]), "part_hair": np.array([[0, 1, 0]]), "merged": [[1, 13, 0]]}
    return {name: np.asarray(array, np.uint8) for name, array in (arrays | changes).items()}


def test_masks_of_any_parts_and_sizes_are_merged(tmp_path):
    assert verdict(tmp_path, {"outputs": ["merged"]}, faces()).status == "ok"
    masks = {"part_skin": np.repeat([[[1, 0, 0]]], 3, 1), "part_hair": [[[0, 9, 9], [2, 0, 0], [0, 0, 1]]]}
    assert verdict(tmp_path, {"outputs": ["merged"]}, faces(**masks, merged=[[1, 13, 1]])).status == "ok"


def test_another_merged_map_or_order_is_off(tmp_path):
    assert verdict(tmp_path, {"outputs": ["merged"]}, faces(merged=[[1, 1, 0]])).status == "OFF"
    other = verdict(tmp_path, {"outputs": ["merged"], "order": ["hair", "skin"]}, faces())
    assert (other.status, other.worst.name) == ("OFF", "order of the parts")


@pytest.mark.parametrize("change", [{"part_wing": [[0, 0, 0]]}, {"part_skin": [[0, 0]]}], ids=str)
def test_inputs_that_are_no_masks_are_an_error(tmp_path, change):
    found = verdict(tmp_path, {"outputs": ["merged"]}, faces(**change))
    assert (found.status, "no masks of one size" in found.detail) == ("error", True)


@pytest.mark.parametrize("outputs", [["label_reid"], ["cityscapes_reid"], ["label_reid", "cityscapes_reid"]], ids=str)
def test_ids_of_one_image_or_of_several_are_dense_in_each(tmp_path, outputs):
    arrays = {
        "label": np.array([[5, 9], [150, 5]], np.uint8),
        "label_reid": np.array([[0, 1], [2, 0]], np.uint8),
        "cityscapes_instance_ids": np.array([[[7, 26001]], [[33000, 26001]]], np.int32),
        "cityscapes_reid": np.array([[[0, 1]], [[1, 0]]], np.uint8),
    }
    meta = {"outputs": outputs}
    found = verdict(tmp_path, meta, arrays)
    assert (found.status, found.compared) == ("ok", len(outputs))
    arrays[outputs[-1]] = arrays[outputs[-1]] + np.uint8(1)
    assert verdict(tmp_path, meta, arrays).status == "OFF"


def cityscapes(**changes):
    resized = {"label_ids_nearest_1x2": LABELS[:, :, 1:2]}
    return {"label_ids": LABELS, "train_ids": TRAIN_IDS, **resized} | changes


def test_raw_ids_are_mapped_and_resized_to_any_size(tmp_path):
    meta = {"outputs": ["train_ids", "label_ids_nearest_1x2"]}
    found = verdict(tmp_path, meta, cityscapes())
    assert (found.status, found.compared) == ("ok", 2)
    assert verdict(tmp_path, meta, cityscapes(label_ids_nearest_1x2=LABELS[:, :, :1])).status == "OFF"
    assert verdict(tmp_path, meta, cityscapes(train_ids=TRAIN_IDS % 255)).status == "OFF"


def test_ids_that_8_bits_do_not_hold_are_an_error(tmp_path):
    found = verdict(tmp_path, {"outputs": ["train_ids"]}, cityscapes(label_ids=LABELS.astype(np.int16) + 256))
    assert (found.status, "8-bit image" in found.detail) == ("error", True)


def test_a_size_that_is_no_size_is_an_error(tmp_path):
    huge = {"label_ids_nearest_9999x1": LABELS}
    found = verdict(tmp_path, {"outputs": ["train_ids", *huge]}, cityscapes(**huge))
    assert (found.status, "cannot be resized to 9999x1" in found.detail) == ("error", True)
