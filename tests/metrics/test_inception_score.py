import json

import numpy as np
import pytest
import torch
from drawn_samples import draw_samples, take

from metrics.inception_score import INCEPTION_SCORE, part_scores, part_sums, split_of
from metrics.protocol import PROTOCOLS, derive


def golden_logits(case):
    random = np.random.Generator(np.random.PCG64(case["seed"]))
    logits = (random.standard_normal((case["N"], case["C"])) * 2).astype(np.float32)
    logits[np.arange(case["N"]), random.integers(0, case["C"], case["N"])] += 4
    return torch.from_numpy(logits)


def scores(logits, splits):
    return part_scores(*part_sums(logits[None], split_of(len(logits), splits), splits))[0]


@pytest.mark.parametrize("index", range(3))
def test_golden_scores(goldens, index):
    case = json.loads((goldens / "fid_kid_is_public.json").read_text())["isc"][index]
    found = scores(golden_logits(case), case["splits"])
    assert float(found.mean()) == pytest.approx(case["shuffle_True"]["mean"], rel=1e-12)
    assert float(found.std(correction=0)) == pytest.approx(case["shuffle_True"]["std"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("images", "splits"), [(103, 10), (20, 1), (20, 20), (7, 3)])
def test_torch_fidelity_gives_the_same_score(images, splits):
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = torch.randn(images, 6, generator=torch.Generator().manual_seed(images)) * 3
    theirs = isc_features_to_metric(logits, splits)
    found = scores(logits, splits)
    assert float(found.mean()) == pytest.approx(theirs["inception_score_mean"], rel=1e-12)
    assert float(found.std(correction=0)) == pytest.approx(theirs["inception_score_std"], rel=1e-9, abs=1e-12)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore` will save:UserWarning", "ignore:std\\(\\):UserWarning")
def test_torchmetrics_gives_the_same_score_of_one_part():
    from torchmetrics.image.inception import InceptionScore

    class Logits(torch.nn.Module):
        num_features = 6

        def forward(self, images):
            return images

    logits = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * 3
    theirs = InceptionScore(Logits(), splits=1)
    theirs.update(logits)
    assert float(scores(logits, 1)) == pytest.approx(float(theirs.compute()[0]), rel=1e-6)


def test_a_class_for_every_image_scores_the_number_of_classes_and_one_for_all_scores_1():
    sure = 1000 * torch.eye(5).repeat(8, 1)
    assert float(scores(sure, 1)) == pytest.approx(5)
    assert float(scores(sure[:1].expand(40, -1), 1)) == pytest.approx(1)


def test_every_run_is_the_score_of_its_own_images_in_order_of_the_data_set(setting):
    metric, samples, network = INCEPTION_SCORE.build(setting), draw_samples(7, 3), setting.networks["inception"]
    for part in ([5, 2], [0, 1, 6], [4], [3]):
        metric.update(take(samples, part))
    alone = [float(scores(network.logits(network(samples.fake[:, r])), 2).mean()) for r in range(3)]
    assert metric.compute()["is"] == pytest.approx(alone, rel=1e-6)
    assert len(set(alone)) == 3


def test_the_network_is_the_one_the_protocol_names(setting):
    assert INCEPTION_SCORE.build(setting).network is setting.networks["inception"]
    setting.protocol = derive(setting.protocol, ["inception_score.network=torchvision"])
    assert INCEPTION_SCORE.build(setting).network is setting.networks["torchvision"]


def test_the_weight_file_is_the_networks():
    assert INCEPTION_SCORE.weights(PROTOCOLS["clean"]) == ("inception_fid",)
    assert INCEPTION_SCORE.weights(PROTOCOLS["scgan2021"]) == ("inception_tv",)
    assert INCEPTION_SCORE.weights(PROTOCOLS["spade2019"]) == ("inception_tv",)


def test_parts_without_an_image_are_refused(setting):
    setting.protocol = derive(PROTOCOLS["mini"], [])
    metric = INCEPTION_SCORE.build(setting)
    metric.update(draw_samples(7, 3))
    with pytest.raises(
        ValueError, match=r"IS needs an image in each of 10 parts and has 7; set inception_score\.splits"
    ):
        metric.compute()


def test_several_parts_have_an_interval_and_one_has_none(setting):
    metric = INCEPTION_SCORE.build(setting)
    metric.update(draw_samples(7, 3))
    low, high = metric.intervals()["is"]
    assert low <= np.mean(metric.compute()["is"]) <= high
    setting.protocol = derive(PROTOCOLS["mini"], ["inception_score.splits=1"])
    metric = INCEPTION_SCORE.build(setting)
    metric.update(draw_samples(7, 3))
    assert metric.intervals() == {}
