"""Styles read from photos: whose they are, and which part of a layout they reach."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.common.catalog import methods, resolve
from bench.common.errors import UserError
from bench.datasets.base import Item
from bench.datasets.paperdolls.dataset import open_paperdolls2
from bench.evaluation.one_pass import Pass
from bench.synthesis.easel import Easel
from bench.synthesis.images import to_photos
from bench.synthesis.methods import MethodWeights, build_method, find_method_weights
from bench.synthesis.regions import Part
from bench.synthesis.styles import check_reader, mixture, morph, pairings
from metrics.base import View

CPU = torch.device("cpu")
DATA = open_paperdolls2("val")
TOP = Part("class", 3, "top")
INDEX, LENDER, SEED = 3, 5, 7


@cache
def built(name):
    spec = resolve("method", methods(), name)
    files = find_method_weights(spec, "paperdolls2", "tiny", Path("nowhere"), None, untrained=name == "sean")
    return build_method(spec, spec.tiny, files, CPU)


def easel(name, dataset=DATA):
    return Easel(method=built(name), dataset=dataset, seed=SEED, device=CPU)


def item(labels, instances):
    photo = np.zeros((*np.shape(labels), 3), np.uint8)
    return Item("made", np.array(labels, np.uint8), np.array(instances, np.int32), photo)


def differs(one, other):
    return (to_photos(one[None])[0] != to_photos(other[None])[0]).any(-1)


def test_objects_of_a_class_are_paired_in_their_order_until_all_have_a_partner():
    source = item([[0, 1, 1, 2]], [[1, 2, 3, 4]])
    target = item([[0, 1, 1, 1, 3]], [[1, 5, 6, 7, 8]])
    assert list(pairings(source, target)) == [{1: 1, 2: 5, 3: 6}, {2: 7}]


def test_a_photo_is_paired_with_its_own_layout_object_by_object():
    own = DATA[INDEX]
    numbers = np.unique(own.instances).tolist()
    assert list(pairings(own, own)) == [dict(zip(numbers, numbers, strict=True))]


def test_layouts_without_instances_are_read_once():
    assert list(pairings(item([[0, 1]], [[0, 0]]), item([[1, 1]], [[0, 0]]))) == [{}]


class Collector:
    view = View("image", 1)

    def update(self, samples):
        self.seen = samples.fake[0]


@pytest.mark.parametrize("name", ["vspade", "groupdnet", "inade", "sean"])
def test_its_own_style_is_what_metrics_see_where_styles_come_from_photos(name):
    collector = Collector()
    everything = Pass(
        method=built(name),
        dataset=DATA,
        num_layouts=INDEX + 1,
        metrics={"all": collector},
        seed=SEED,
        batch_size=1,
        device=CPU,
        photo_styles=True,
    )
    for _ in everything.run([[INDEX]], lambda _: None):
        pass
    assert (to_photos(mixture(easel(name), INDEX, [])) == to_photos(collector.seen)).all()
    morphed = to_photos(morph(easel(name), INDEX, (INDEX, LENDER), 2))[0].astype(int)
    assert abs(morphed - to_photos(collector.seen)[0]).max() <= 1  # drawn two at a time, which rounds otherwise


@pytest.mark.parametrize("name", ["vspade", "groupdnet", "inade", "sean"])
def test_a_morph_runs_evenly_from_one_photo_to_the_other(name):
    there = morph(easel(name), INDEX, (2, LENDER), 5)
    back = morph(easel(name), INDEX, (LENDER, 2), 5)
    torch.testing.assert_close(there, back.flip(0), rtol=0, atol=1e-4)
    far = (there[0] - there[4]).abs().mean()
    assert far > 0
    assert all((there[step] - there[step + 1]).abs().mean() < 0.6 * far for step in range(4))


def test_a_loan_changes_its_class_alone_where_the_method_has_a_style_per_object():
    own, mixed = mixture(easel("inade"), INDEX, [(TOP, LENDER)])
    changed, top = differs(own, mixed), DATA[INDEX].labels == 3
    assert changed[top].mean() > 0.9
    difference, inside = (own - mixed).abs(), torch.from_numpy(top)
    assert difference[:, ~inside].mean() < 0.1 * difference[:, inside].mean()


def test_a_loan_of_one_object_leaves_the_others_of_its_class():
    own, mixed = mixture(easel("inade"), INDEX, [(Part("instance", 4, "instance 4"), LENDER)])
    change, instances = (own - mixed).abs().mean(0).numpy(), DATA[INDEX].instances
    assert change[instances == 4].mean() > 10 * change[instances == 11].mean()


def test_what_is_borrowed_is_the_lenders(monkeypatch):
    """Paint the lender's top another colour: what is lent changes; paint its skirt: it does not."""

    class Repainted:
        def __init__(self, label):
            self.label = label
            self.num_classes = DATA.num_classes

        def __getitem__(self, index):
            item = DATA[index]
            paint = (item.labels == self.label)[..., None] & (index == LENDER)
            return replace(item, image=np.where(paint, np.uint8(255) - item.image, item.image))

    def lent(data):
        return mixture(easel("groupdnet", data), INDEX, [(TOP, LENDER)])[1]

    assert differs(lent(DATA), lent(Repainted(3))).any()
    assert not differs(lent(DATA), lent(Repainted(4))).any()


def test_a_class_that_a_photo_does_not_show_has_a_style_from_the_prior():
    """Layout 3 has socks, photo 3 has; without them the mean code stands in, not the code of nothing."""

    class Sockless:
        num_classes = DATA.num_classes

        def __getitem__(self, index):
            item = DATA[index]
            return replace(item, labels=np.where(item.labels == 7, 6, item.labels)) if index == LENDER else item

    method = built("sean")
    prior = []
    whole = type(method).mix_styles
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(method), "mix_styles", lambda *args: prior.append(args[4]) or whole(*args))
        morph(easel("sean", Sockless()), INDEX, (LENDER, LENDER), 2)
    region = torch.from_numpy(DATA[INDEX].labels == 7)
    assert any((taken[0] == region).all() for taken in prior)


@pytest.mark.parametrize("name", ["spade", "truth", "real", "oasis", "dscgan"])
def test_a_method_without_a_reader_of_photos_is_refused(name):
    spec = resolve("method", methods(), name)
    with pytest.raises(UserError, match="cannot read a style from a photo"):
        check_reader(spec, spec.build(spec.tiny), MethodWeights())


def test_an_encoder_without_its_file_is_refused():
    spec = resolve("method", methods(), "inade")
    only = MethodWeights((("generator", Path("weights/inade/best_net_G.pth"), "0"),))
    with pytest.raises(UserError, match=r"best_net_E\.pth or best_net_IE\.pth"):
        check_reader(spec, built("inade"), only)
    both = MethodWeights((*only.files, ("encoder", Path("weights/inade/best_net_E.pth"), "0")))
    check_reader(spec, built("inade"), both)
