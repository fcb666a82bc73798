"""FID, KID, IS, precision and recall look at images through one network, which sees each image once."""

import importlib

import pytest
from drawn_samples import draw_samples, take

from metrics import METRICS
from metrics.protocol import derive

TOGETHER = ("fid", "kid", "is", "prdc", "fid-infinity")
ON_PAPERDOLLS = ("fid-pd", "kid-pd", "prdc-pd", "lpips-pd")


def built(setting, names):
    specs = [getattr(importlib.import_module(module), name) for module, name in _targets(names)]
    return [spec.build(setting) for spec in specs]


def _targets(names):
    return [METRICS[name][0].split(":") for name in names]


def test_inception_sees_every_image_once(setting):
    metrics, network = built(setting, TOGETHER), setting.networks["inception"]
    assert len({metric.view for metric in metrics}) == 1
    network.calls.clear()
    samples = draw_samples(7, 3)
    for part in (take(samples, [0, 1, 2]), take(samples, [3, 4, 5, 6])):
        for metric in metrics:
            metric.update(part)
    assert network.calls == [9, 12]
    for metric in metrics:
        metric.compute()
    assert network.calls == [9, 12]


def test_the_paperdolls_network_sees_every_image_once(setting, monkeypatch):
    metrics, network = built(setting, ON_PAPERDOLLS), setting.networks["paperdolls"]
    calls, stages = [], type(network).stages

    def counted(self, images):
        calls.append(len(images))
        return stages(self, images)

    monkeypatch.setattr(type(network), "stages", counted)
    samples = draw_samples(7, 3)
    for metric in metrics:
        metric.update(samples)
    assert calls == [21]


def test_another_classifier_is_a_run_of_its_own(setting):
    setting.protocol = derive(setting.protocol, ["inception_score.network=torchvision"])
    metrics, networks = built(setting, TOGETHER), setting.networks
    networks["inception"].calls.clear()
    samples = draw_samples(7, 3)
    for metric in metrics:
        metric.update(samples)
    assert networks["inception"].calls == networks["torchvision"].calls == [21]


@pytest.mark.parametrize("name", [*TOGETHER, *ON_PAPERDOLLS])
def test_intervals_and_counts_do_not_depend_on_shards(setting, name):
    whole, merged = built(setting, [name] * 2)
    samples = draw_samples(7, 3)
    whole.update(samples)
    for positions in ([4, 0], [1, 5, 6], [2, 3]):
        (part,) = built(setting, [name])
        part.update(take(samples, positions))
        merged.merge(part.state())
    for metric in (whole, merged):
        metric.compute()
    assert whole.counts() == merged.counts()
    assert whole.intervals().keys() == merged.intervals().keys()
    for column, interval in whole.intervals().items():
        assert interval == pytest.approx(merged.intervals()[column], rel=1e-6)
