from collections import Counter

from bench.datasets.deepfashion import CLASS_NAMES
from segmenters.cihp import CLASSES, DEEPFASHION, TO_DEEPFASHION


def test_classes_merge_to_those_of_the_data_set_in_its_order():
    assert DEEPFASHION == CLASS_NAMES
    assert TO_DEEPFASHION == (0, 1, 1, 3, 2, 3, 3, 3, 7, 4, 5, 3, 4, 2, 5, 5, 5, 5, 6, 6)
    assert Counter(TO_DEEPFASHION) == {0: 1, 1: 2, 2: 2, 3: 5, 4: 2, 5: 5, 6: 2, 7: 1}


def test_classes_are_numbered_as_cihp_numbers_them():
    assert len(CLASSES) == 20
    assert {CLASSES.index(name): name for name in ("background", "hat", "socks", "face", "right shoe")} == {
        0: "background",
        1: "hat",
        8: "socks",
        13: "face",
        19: "right shoe",
    }
