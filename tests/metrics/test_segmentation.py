import json

import numpy as np
import pytest
import torch
from drawn_samples import draw_samples
from torchmetrics.functional.classification import multiclass_jaccard_index

from metrics.base import Reading
from metrics.protocol import derive
from metrics.segmentation import (
    SEGMENTATION,
    accuracy,
    confusion,
    iou_per_class,
    mean_accuracy,
    mean_iou,
    weighted_iou,
)

NAMES = ["ade150", "celeba19", "cityscapes19", "coco182", "deepfashion8", "void_image4"]


@pytest.fixture(params=NAMES)
def golden(goldens, request):
    name = goldens / request.param
    facts, arrays = json.loads(name.with_suffix(".json").read_text()), np.load(name.with_suffix(".npz"))
    labels, predicted = (torch.from_numpy(arrays[key].astype(np.int64)) for key in ("label", "pred"))
    ignore = () if facts["ignore_label"] is None else (facts["ignore_label"],)
    return facts, arrays["confusion"], labels, confusion(labels, predicted, facts["num_classes"], ignore)


def test_counts_are_exactly_the_golden_ones(golden):
    _, expected, _, counts = golden
    np.testing.assert_array_equal(counts, expected)


def test_three_reductions_are_those_of_three_evaluators(golden):
    facts, _, _, counts = golden
    assert mean_iou(counts, "nan_union") == pytest.approx(facts["drn"]["mIoU"], abs=1e-9)
    assert mean_iou(counts, "all_classes") == pytest.approx(facts["csail"]["mIoU"], abs=1e-9)  # theirs adds 1e-10
    assert mean_iou(counts, "gt_present") == pytest.approx(facts["deeplab_pytorch"]["Mean IoU"], abs=1e-9)


def test_both_accuracies(golden):
    facts, _, labels, counts = golden
    void = labels.numel() - int(counts.sum())
    valid, everything = accuracy(counts, void, "valid"), accuracy(counts, void, "all")
    assert valid == pytest.approx(facts["accuracy_valid_pixels"], abs=1e-9)
    assert everything == pytest.approx(facts["accuracy_all_pixels_void_counted_wrong"], abs=1e-9)
    assert everything == pytest.approx(valid * facts["valid_fraction"], abs=1e-9)


def test_accuracy_and_iou_by_class_are_those_of_deeplab_pytorch(golden):
    facts, _, _, counts = golden
    assert mean_accuracy(counts) == pytest.approx(facts["deeplab_pytorch"]["Mean Accuracy"], abs=1e-9)
    assert weighted_iou(counts) == pytest.approx(facts["deeplab_pytorch"]["Frequency Weighted IoU"], abs=1e-9)


def random_pair(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randint(0, 5, (3, 8, 9), generator=generator) for _ in range(2))


def test_counts_agree_with_a_slow_loop():
    labels, predicted = random_pair()
    expected = np.zeros((5, 5), dtype=np.int64)
    for label, prediction in zip(labels.flatten().tolist(), predicted.flatten().tolist(), strict=True):
        if label not in (1, 4):
            expected[label, prediction] += 1
    np.testing.assert_array_equal(confusion(labels, predicted, 5, (1, 4)), expected)


def test_iou_agrees_with_torchmetrics():
    labels, predicted = random_pair()
    expected = multiclass_jaccard_index(predicted, labels, num_classes=5, average=None)
    torch.testing.assert_close(iou_per_class(confusion(labels, predicted, 5)).float(), expected)


def test_eight_bit_labels_do_not_overflow():
    labels = torch.full((1, 2, 2), 180, dtype=torch.uint8)
    assert confusion(labels, labels, 182)[180, 180] == 4


def test_metric_scores_every_run_alone_and_leaves_void_out(setting):
    samples = draw_samples(4, 3)
    metric = SEGMENTATION.build(setting)
    metric.update(samples)
    values = metric.compute()
    for run in range(3):
        predicted = metric.reading.segmenter(samples.fake[:, run], (64, 64))
        valid = samples.labels != 3
        right = ((predicted == samples.labels) & valid).sum() / valid.sum()
        assert values["acc"][run] == pytest.approx(100 * float(right), rel=1e-6)
        ious = []
        for number in range(4):  # class 3 is never in the labels that count, but may be predicted there
            label, guess = (samples.labels == number) & valid, (predicted == number) & valid
            ious.append(float((label & guess).sum() / (label | guess).sum()))
        assert values["miou"][run] == pytest.approx(100 * np.mean(ious), rel=1e-6)
    assert len(set(values["miou"])) == 3


def test_void_pixels_count_as_wrong_where_the_protocol_says_all(setting):
    samples = draw_samples(4, 3)
    results = {}
    for pixels in ("valid", "all"):
        setting.protocol = derive(setting.protocol, [f"segmentation.accuracy={pixels}"])
        metric = SEGMENTATION.build(setting)
        metric.update(samples)
        results[pixels] = metric.compute()["acc"][0]
    share = float((samples.labels != 3).double().mean())
    assert results["all"] == pytest.approx(results["valid"] * share, rel=1e-9)


class Recorder:
    """Reads class 1 everywhere, at the size that is asked for."""

    num_classes = 2

    def __init__(self):
        self.sizes = []

    def __call__(self, images, size):
        self.sizes.append((len(images), *size))
        return torch.ones(len(images), *size, dtype=torch.int64)


def test_stored_label_maps_are_compared_at_their_own_size(setting):
    samples = draw_samples(2, 3)
    stored = [torch.ones(6, 10, dtype=torch.uint8), torch.tensor([[0, 1], [2, 3]], dtype=torch.uint8)]
    samples.stored_labels = stored
    segmenter = Recorder()
    setting.reading = lambda name=None: Reading(segmenter, (0, 1, -1, 1), "stored", "nan_union")
    metric = SEGMENTATION.build(setting)
    metric.update(samples)
    assert segmenter.sizes == [(3, 6, 10), (3, 2, 2)]
    np.testing.assert_array_equal(metric.tables()["confusion"], [[[0, 1], [0, 62]]] * 3)
    np.testing.assert_array_equal(metric.tables()["void"], [1] * 3)


def test_layout_classes_are_scored_as_the_segmenter_numbers_them(setting):
    samples = draw_samples(2, 3)
    segmenter = Recorder()
    setting.reading = lambda name=None: Reading(segmenter, (-1, 0, 1, 1), "drawn", "nan_union")
    metric = SEGMENTATION.build(setting)
    metric.update(samples)
    counts = torch.bincount(samples.labels.flatten(), minlength=4)
    expected = [[0, int(counts[1])], [0, int(counts[2] + counts[3])]]
    np.testing.assert_array_equal(metric.tables()["confusion"], [expected] * 3)
    np.testing.assert_array_equal(metric.tables()["void"], [int(counts[0])] * 3)


@pytest.mark.parametrize("reduction", ["nan_union", "all_classes", "gt_present"])
def test_a_protocol_may_choose_another_reduction_than_the_official_one(setting, reduction):
    samples = draw_samples(2, 3)
    setting.reading = lambda name=None: Reading(Recorder(), (-1, -1, -1, 1), "drawn", "all_classes")
    for choice in ("official", reduction):
        setting.protocol = derive(setting.protocol, [f"segmentation.reduction={choice}"])
        metric = SEGMENTATION.build(setting)
        metric.update(samples)
        expected = 50 if choice == "official" or reduction == "all_classes" else 100
        assert metric.compute()["miou"] == [expected] * 3


def test_a_foreign_segmenter_is_refused():
    with pytest.raises(ValueError, match="classes 7 to 7, but the labels have 5"):
        confusion(torch.zeros(1, 2, 2), torch.full((1, 2, 2), 7), 5)
    with pytest.raises(ValueError, match="one size"):
        confusion(torch.zeros(1, 2, 2), torch.zeros(1, 4, 4), 5)


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="No pixel"):
        mean_iou(torch.zeros(3, 3, dtype=torch.int64), "nan_union")
