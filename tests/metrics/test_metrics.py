"""What holds for every metric of the table."""

import importlib

import pytest
import torch
from drawn_samples import draw_samples, take
from processes import PYTHON, finished

from metrics import METRICS
from metrics.base import Metric, MetricSpec, Samples

PROBES = ("params", "macs", "seconds", "memory", "energy")
ON_IMAGES = [name for name in METRICS if name not in PROBES]


def spec_of(name):
    module, attribute = METRICS[name][0].split(":")
    return getattr(importlib.import_module(module), attribute)


def measure(setting, name, *batches):
    metric = spec_of(name).build(setting)
    for batch in batches:
        metric.update(batch)
    return metric


@pytest.mark.parametrize("name", METRICS)
def test_table_names_a_spec_of_that_name(name):
    spec = spec_of(name)
    assert isinstance(spec, MetricSpec)
    assert spec.name == name


def test_column_keys_are_unique():
    keys = [column.key for name in METRICS for column in spec_of(name).columns]
    assert len(keys) == len(set(keys))


def test_table_and_protocols_load_without_torch():
    code = "import sys, metrics, metrics.protocol; sys.exit('torch' in sys.modules)"
    assert finished(*PYTHON, code) == (0, "", "")


@pytest.mark.parametrize("name", ON_IMAGES)
def test_metric_gives_its_columns(setting, name):
    metric = measure(setting, name, draw_samples(7, _images(setting, name)))
    assert list(metric.compute()) == [column.key for column in spec_of(name).columns]


@pytest.mark.parametrize("name", ON_IMAGES)
def test_batch_size_does_not_matter(setting, name):
    samples = draw_samples(7, _images(setting, name))
    whole = measure(setting, name, samples).compute()
    single = measure(setting, name, *(take(samples, [n]) for n in range(7))).compute()
    for column, values in whole.items():
        assert values == pytest.approx(single[column], rel=1e-6)


@pytest.mark.parametrize("name", ON_IMAGES)
def test_merged_shards_equal_one_pass(setting, name):
    samples = draw_samples(7, _images(setting, name))
    parts = [take(samples, positions) for positions in ([0, 3], [1, 4, 6], [2, 5])]
    whole = measure(setting, name, *parts).compute()
    merged = spec_of(name).build(setting)
    for part in parts:
        state = {key: value.clone() for key, value in measure(setting, name, part).state().items()}
        merged.merge(state)
    for column, values in whole.items():
        assert values == pytest.approx(merged.compute()[column], rel=1e-12)


@pytest.mark.parametrize("name", [name for name in ON_IMAGES if spec_of(name).of_constant is not None])
def test_identical_images_have_exactly_the_value_of_a_constant(setting, name):
    samples = draw_samples(4, _images(setting, name))
    samples.fake = samples.fake[:, :1].expand_as(samples.fake).contiguous()
    for values in measure(setting, name, samples).compute().values():
        assert set(values) == {spec_of(name).of_constant}


def test_images_that_are_not_finite_are_refused_by_number():
    samples = draw_samples(3, 2)
    samples.fake[1, 1, 0, 5, 5] = float("nan")
    samples.index += 40
    with pytest.raises(ValueError, match="Image 1 of layout 41"):
        take(samples, [0, 1, 2])


def test_equal_extractors_run_once():
    calls = []

    class Extractor:
        def features(self, images):
            calls.append(images.shape)
            return images.sum((1, 2, 3))

    samples, extractor = draw_samples(3, 2), Extractor()
    first = samples.once(extractor.features)
    assert samples.once(extractor.features) is first
    assert calls == [torch.Size([6, 3, 64, 64])]
    assert samples.per_layout(first)[2, 1] == samples.fake[2, 1].sum()


def test_samples_keep_extractors_apart():
    samples = draw_samples(2, 2)
    assert isinstance(samples, Samples)
    low, high = samples.once(torch.Tensor.min), samples.once(torch.Tensor.max)
    assert low < high


def _images(setting, name):
    metric = spec_of(name).build(setting)
    assert isinstance(metric, Metric)
    return metric.view.samples
