"""What holds for every data set of the table; a new entry is tested without a new line."""

from __future__ import annotations

import pytest

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.datasets import DATASETS
from bench.datasets.find import find_training_data, training_name
from bench.evaluation.segmenter import choose_segmenter
from metrics.protocol import PROTOCOLS

SPECS = [resolve("data set", DATASETS, name) for name in DATASETS]
ON_DISK = [spec for spec in SPECS if not spec.built_in]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_class_has_a_name_a_colour_and_a_score(spec):
    assert spec.num_classes == len(spec.palette) == len(set(spec.class_names))
    assert all(0 <= part < 256 for colour in spec.palette for part in colour)
    assert len(spec.scored_as) in (0, spec.num_classes)
    assert spec.dont_care is None or (spec.dont_care >= spec.num_classes - 1 and spec.scored_as[-1] == -1)
    assert spec.load_size is None or min(spec.load_size) > max(spec.size)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.scoring], ids=lambda spec: spec.name)
def test_the_protocol_knows_who_reads_its_images(spec):
    assert choose_segmenter(PROTOCOLS["clean"], spec).segmenter


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("spec", ON_DISK, ids=lambda spec: spec.name)
def test_data_that_is_not_there_is_one_line_that_says_where_it_belongs(spec, split, tmp_path):
    with pytest.raises(UserError) as caught:
        spec.open(split, tmp_path)
    assert "\n" not in str(caught.value)
    assert spec.name == "folder" or str(tmp_path / spec.name) in str(caught.value)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.evaluation_only], ids=lambda spec: spec.name)
def test_data_to_evaluate_on_names_the_data_that_its_networks_learn_from(spec):
    other = find_training_data(spec.trained_on, None)
    assert (other.class_names, other.palette, other.size) == (spec.class_names, spec.palette, spec.size)
    with pytest.raises(UserError, match=f"^{spec.name} is for evaluation only: train on {other.name} and evaluate"):
        find_training_data(spec.name, None)
    assert training_name(spec.name) == training_name(other.name) == other.name


def test_only_what_needs_no_download_is_built_in():
    assert [spec.name for spec in SPECS if spec.built_in] == ["paperdolls", "paperdolls2"]
    assert training_name("folder-street2") == "folder-street2"
