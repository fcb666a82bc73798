"""What `bench data prepare` can build or add to a data set, in printing order."""

from __future__ import annotations

from bench.common.catalog import Table

PREPARATIONS: Table = {
    "deepfashion": (
        "bench.datasets.preparation.deepfashion:command",
        "Label and instance maps from GroupDNet's package.",
    ),
    "deepfashion2": (
        "bench.datasets.preparation.deepfashion2:command",
        "Pairs of deepfashion's test persons, side by side.",
    ),
    "celebamask-hq": (
        "bench.datasets.preparation.celebamask_hq:command",
        "Label maps from part masks, splits, instance maps.",
    ),
    "cityscapes": (
        "bench.datasets.preparation.cityscapes:command",
        "Instance maps with dense ids, as INADE reads them.",
    ),
    "ade20k": ("bench.datasets.preparation.ade20k:command", "Instance maps, as INADE reads them."),
    "ade20k-outdoor": (
        "bench.datasets.preparation.ade20k_outdoor:command",
        "A checked list of outdoor scenes of ade20k.",
    ),
    "coco-stuff": ("bench.datasets.preparation.coco_stuff:command", "Instance maps from COCO's annotation files."),
}
