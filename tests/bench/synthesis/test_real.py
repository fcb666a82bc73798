"""The real photos as a row, and styles that are read from photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_runs import bench, measure, records, values

from bench.common.catalog import methods, resolve
from bench.common.errors import UserError
from bench.common.places import SHIPPED_WEIGHTS
from bench.datasets.paperdolls.dataset import open_paperdolls2
from bench.evaluation.segmenter import choose_segmenter, expanded
from bench.synthesis.batches import collate, stream
from bench.synthesis.methods import MethodWeights, build_method
from bench.synthesis.styles import draw_style
from metrics.protocol import PROTOCOLS, derive

CPU = torch.device("cpu")


def batch(count=2):
    data = open_paperdolls2("val")
    return collate([data[index] for index in range(count)], data.num_classes)


def method_of(name):
    """Build a method with the weights that are shipped, as untrained encoders give numbers beyond all bounds."""
    spec = resolve("method", methods(), name)
    shipped = SHIPPED_WEIGHTS / "paperdolls" / f"{name}.safetensors"
    weights = (("", shipped, ""),) if shipped.exists() else ()
    return build_method(spec, spec.tiny, MethodWeights(weights, untrained=not weights and spec.name != "real"), CPU)


def rngs(count, seed=0):
    return [stream(seed, number) for number in range(count)]


def test_real_photos_come_back_as_they_are():
    photos, real = batch(), method_of("real")
    style = draw_style(real, photos, rngs(2))
    assert torch.equal(real.synthesize(photos.layout, style), photos.images)


def test_the_row_of_real_photos_has_no_distance_to_itself_and_no_diversity(tmp_path):
    words = ("--metrics", "fid-pd,lpips-pd,mcsd-pd,misd-pd,segmentation-pd", "--set", "fid.real_split=val")
    result = measure(tmp_path, *words, "--set", "fid.reference_limit=6", methods="real,inade")
    assert result.exit_code == 0, result.output
    found = values(tmp_path)
    assert found["real", "fid_pd"] == pytest.approx(0, abs=1e-6)
    assert [found["real", name] for name in ("lpips_pd", "mcsd_pd", "mocd_pd", "misd_pd", "moid_pd")] == [0] * 5
    assert found["real", "miou_pd"] > 80 > found["inade", "miou_pd"]
    assert "upper reference" in result.output


def test_real_photos_count_as_one_run(tmp_path):
    measure(tmp_path, "--metrics", "segmentation-pd", methods="real")
    (record,) = records(tmp_path)
    assert record.counts == {"label maps": 6, "images of each": 1}


@pytest.mark.parametrize("name", ["vspade", "groupdnet", "inade"])
def test_a_style_is_read_from_the_photo_only_where_the_protocol_says_so(name):
    method, photos = method_of(name), batch()
    noise = draw_style(method, photos, rngs(2))
    sampled = method.synthesize(photos.layout, noise)
    read = method.synthesize(photos.layout, draw_style(method, photos, rngs(2), from_photo=True))
    expected = method.encode_style(photos.images, photos.layout, method.sample_style(photos.layout, rngs(2)))[0]
    assert torch.equal(read, method.synthesize(photos.layout, expected))
    assert not torch.equal(read, sampled)


def test_a_method_without_encoder_draws_from_noise_whatever_the_protocol_says():
    method, photos = method_of("inade-no-pnr"), batch()
    one, two = (draw_style(method, photos, rngs(2), from_photo=photo) for photo in (False, True))
    assert torch.equal(method.synthesize(photos.layout, one), method.synthesize(photos.layout, two))


def test_photo_styles_reach_the_images_of_a_run(tmp_path):
    words = ("run", "--methods", "vspade", "--dataset", "paperdolls2", "--metrics", "lpips-pd", "--limit", "3")
    for style in ("noise", "photo"):
        result = bench(*words, "--set", f"style={style}", "--num-workers", "0", "--out", tmp_path / style)
        assert result.exit_code == 0, result.output
    assert values(tmp_path / "photo")["vspade", "lpips_pd"] < values(tmp_path / "noise")["vspade", "lpips_pd"]


def test_the_counts_of_a_segmenter_lie_beside_its_record(tmp_path):
    measure(tmp_path, "--metrics", "segmentation-pd", methods="real,inade")
    for record in records(tmp_path):
        with np.load(tmp_path / "records" / f"{record.key}.npz") as tables:
            counts, void = tables["confusion"], tables["void"]
        runs = 1 if record.cell.method == "real" else 2
        assert counts.shape == (runs, 8, 8)
        assert counts.dtype == np.int64
        assert counts.sum((1, 2)).tolist() == [6 * 64 * 64] * runs
        assert void.tolist() == [0] * runs
        accuracy = np.trace(counts, axis1=1, axis2=2) / (6 * 64 * 64)
        assert record.values["acc_pd"] == pytest.approx(100 * accuracy.mean())


def data(scoring):
    spec = open_paperdolls2("val").spec
    return type(spec)(spec.name, spec.title, spec.class_names, spec.palette, spec.size, spec.open, scoring=scoring)


def test_the_protocol_chooses_segmenter_files_and_sizes():
    protocol = PROTOCOLS["inade2021"]
    assert expanded(("segmenter",), protocol, data("cityscapes")) == ("drn_d_105",)
    ade20k = choose_segmenter(derive(protocol, ["ade20k.network=upernet_bgr", "ade20k.sizes=256"]), data("ade20k"))
    assert ade20k.weights == ("upernet_bgr_encoder", "upernet_bgr_decoder")
    assert ade20k.options == {"channels": "bgr", "sizes": (256,)}
    assert choose_segmenter(protocol, data("ade20k")).reduction == "all_classes"
    assert choose_segmenter(protocol, data("coco_stuff")).reduction == "gt_present"
    assert choose_segmenter(PROTOCOLS["spade2019"], data("cityscapes")).labels == "stored"


def test_what_reads_deepfashion_elsewhere_is_said_with_both_ways_out(tmp_path):
    with pytest.raises(UserError, match=r"bench confusion.*deepfashion.network=unet"):
        choose_segmenter(PROTOCOLS["smis2020"], data("deepfashion"))
    result = bench(
        "run", "--methods", "real", "--dataset", "paperdolls", "--metrics", "segmentation", "--out", tmp_path
    )
    assert result.exit_code == 2
    assert "There is no segmenter for paperdolls" in result.output
