"""The data sets by name, in the order of `bench list datasets`."""

from __future__ import annotations

from bench.common.catalog import Table

DATASETS: Table = {
    "paperdolls": (
        "bench.datasets.paperdolls.dataset:PAPERDOLLS",
        "drawn persons in clothes, built in, nothing to download",
    ),
    "paperdolls2": ("bench.datasets.paperdolls.dataset:PAPERDOLLS2", "two drawn persons, built in, evaluation only"),
    "deepfashion": ("bench.datasets.deepfashion:DEEPFASHION", "fashion photos with eight classes (GroupDNet, INADE)"),
    "deepfashion2": ("bench.datasets.deepfashion:DEEPFASHION2", "two-person composites, evaluation only (INADE)"),
    "cityscapes": ("bench.datasets.cityscapes:CITYSCAPES", "street scenes with 35 raw labels and instances"),
    "ade20k": ("bench.datasets.ade20k:ADE20K", "scenes with 150 classes, and unlabelled as label 0"),
    "ade20k-outdoor": ("bench.datasets.ade20k:ADE20K_OUTDOOR", "the outdoor scenes of ade20k, by a list of your own"),
    "coco-stuff": ("bench.datasets.coco_stuff:COCO_STUFF", "photos of everyday life with 182 classes (164k)"),
    "celebamask-hq": ("bench.datasets.celebamask_hq:CELEBAMASK_HQ", "faces with 19 classes"),
    "flickr-landscapes": (
        "bench.datasets.flickr_landscapes:FLICKR_LANDSCAPES",
        "landscapes with coco-stuff's classes; never released, so bring your own",
    ),
    "summer2winter-yosemite": (
        "bench.datasets.summer2winter_yosemite:YOSEMITE",
        "unpaired photos of summer to translate into winter (SC-GAN)",
    ),
    "folder": ("bench.datasets.folder:FOLDER", "your own data: folder:NAME or folder:/any/path, with a dataset.toml"),
}
