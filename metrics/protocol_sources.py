"""Where each choice of each named protocol comes from, and how sure that is."""

from __future__ import annotations

from typing import Literal

# stated: in the paper; released code: in the authors' code; inferred: from printed numbers or user reports;
# assumed: nothing settles it, the likely choice; ours: the paper has no such number, or the protocol is our own.
Certainty = Literal["stated", "released code", "inferred", "assumed", "ours"]
Sources = dict[str, tuple[str, Certainty]]

_NO_LPIPS: Sources = {
    "lpips.quantity": ("the paper prints no LPIPS; as inade2021", "ours"),
    "lpips.layouts": ("the paper prints no LPIPS; as inade2021", "ours"),
    "lpips.groups": ("the paper prints no LPIPS; as inade2021", "ours"),
    "lpips.pairs": ("the paper prints no LPIPS; as inade2021", "ours"),
    "lpips.version": ("the paper prints no LPIPS; as inade2021", "ours"),
    "lpips.form": ("the paper prints no LPIPS; as inade2021", "ours"),
}
_LPIPS_PACKAGE: Sources = {
    "lpips.version": (
        "the package's default since 2018; BicycleGAN printed numbers of 0.0, which are not comparable",
        "assumed",
    ),
    "lpips.form": ("the package's default; alternative: spatial, the mean of its distance map", "assumed"),
}
_LPIPS_AS_INADE: Sources = dict.fromkeys(("lpips.version", "lpips.form"), ("as inade2021", "ours"))
_NO_REGIONS: Sources = {
    "region.layouts": ("the paper re-styles no regions; as inade2021", "ours"),
    "region.images": ("the paper re-styles no regions; as inade2021", "ours"),
    "region.pairs": ("the paper re-styles no regions; as inade2021", "ours"),
    "region.mask": ("the paper re-styles no regions; as inade2021", "ours"),
    "region.min_percent": ("the paper re-styles no regions; as inade2021", "ours"),
    "region.absent": ("the paper re-styles no regions; as inade2021", "ours"),
    "region.average": ("the paper re-styles no regions; as inade2021", "ours"),
}
_MASK: Sources = {
    "region.mask": (
        "printed mCSD + mOCD is 1.04 to 1.11 times LPIPS, which only masking the images before the network gives, "
        "and of its fill values only mid-grey; alternative: image_black. map_* and feat_* let the network see over a "
        "region's edge, and *_mean would give mCSD about as large as LPIPS",
        "inferred",
    ),
    "region.min_percent": ("no paper names a least size of regions; alternative: 1", "assumed"),
}
# What most papers of the family do not print is measured as torch-fidelity and the prdc package do.
_NO_SCORES: Sources = {
    "inception_score.network": ("the paper prints no IS; the classifier that torch-fidelity uses, behind FID", "ours"),
    "inception_score.splits": ("the paper prints no IS; as torch-fidelity", "ours"),
    "prdc.neighbours": ("the paper prints no precision or recall; as Naeem et al., ICML 2020", "ours"),
}
_ALL_PHOTOS: Sources = {"fid.reference_limit": ("all photos of the split", "assumed")}

_OFFICIAL: Sources = {
    "segmentation.reduction": (
        "drn averages classes in label or prediction, CSAIL all 150, deeplab-pytorch those in labels; the authors ran "
        "these scripts with private edits",
        "assumed",
    ),
}
_NOISE: Sources = {"style": ("styles are drawn from the prior", "stated")}
_NO_DEEPFASHION: Sources = {"deepfashion.network": ("the paper has no DeepFashion; as inade2021", "ours")}
_NO_FACES: Sources = {
    "celebamask.resize": ("the paper scores no faces; as inade2021", "ours"),
    "celebamask.labels": ("the paper scores no faces; as inade2021", "ours"),
}
_NO_COCO: Sources = {"coco_stuff.labels": ("the paper has no COCO-Stuff; as clean", "ours")}
_AS_INADE: Sources = dict.fromkeys(
    (
        "cityscapes.network",
        "cityscapes.labels",
        "cityscapes.scales",
        "ade20k.network",
        "ade20k.labels",
        "ade20k.sizes",
        "celebamask.resize",
        "celebamask.labels",
        "deepfashion.network",
    ),
    ("as inade2021", "ours"),
)

SOURCES: dict[str, Sources] = {
    "spade2019": {
        "repeats": ("the method draws one image per label map", "inferred"),
        **_NOISE,
        "fid.mode": (
            "the authors name pytorch-fid, which had torchvision's ImageNet weights until 2019-05-27, after the paper; "
            "alternatives: torchvision_imagenet (until 2019-02-16), pytorch_fid (with it users get 63 on Cityscapes, "
            "the paper 71.8)",
            "inferred",
        ),
        "fid.real_split": ("results are reported on the validation set", "stated"),
        **_ALL_PHOTOS,
        **_NO_SCORES,
        **_NO_LPIPS,
        **_NO_REGIONS,
        **_OFFICIAL,
        "segmentation.accuracy": (
            "81.9 against 93.5 for one model: the ratio is the share of evaluated pixels in Cityscapes",
            "inferred",
        ),
        "cityscapes.network": ("the authors: DRN-D-105", "stated"),
        "cityscapes.labels": (
            "a user got the printed mIoU by enlarging images to 1024x2048; the author told another to shrink labels",
            "inferred",
        ),
        "cityscapes.scales": ("one scale; --ms needs a file that users do not have", "assumed"),
        "ade20k.network": ("the authors name the baseline weights, which were BGR until August 2019", "inferred"),
        "ade20k.labels": ("nothing says; alternative: stored, as the evaluator compares files", "assumed"),
        "ade20k.sizes": ("the evaluator's own single size until 2019; alternatives: five, 256", "assumed"),
        "coco_stuff.labels": ("the evaluator resizes scores to the label file", "assumed"),
        **_NO_FACES,
        **_NO_DEEPFASHION,
    },
    "smis2020": {
        "repeats": ("the paper does not say over how many runs it averages", "assumed"),
        **_NOISE,
        "fid.mode": ("the authors: a pytorch-fid newer than SPADE's", "stated"),
        "fid.real_split": ("not stated; the validation set, as in SPADE", "assumed"),
        **_ALL_PHOTOS,
        **_NO_SCORES,
        "lpips.quantity": ("LPIPS between images of one label map, higher is better", "stated"),
        "lpips.layouts": ("n = 100, read as 100 label maps as in BicycleGAN, which the paper follows", "inferred"),
        "lpips.groups": ("20 codes per label map give m = 19 pairs, as in BicycleGAN", "inferred"),
        "lpips.pairs": (
            "m = 19 pairs of consecutive images, as in BicycleGAN; DSCGAN's script has 20 disjoint ones of 40 images",
            "inferred",
        ),
        **_LPIPS_PACKAGE,
        "region.layouts": ("n = 100, read as 100 label maps as in BicycleGAN", "inferred"),
        "region.images": ("m = 19 pairs; read literally, 100 images per class: region.images=100", "inferred"),
        "region.pairs": ("m = 19 pairs; read literally, drawn from 100 images: region.pairs=random19", "inferred"),
        **_MASK,
        "region.absent": (
            "printed mCSD / LPIPS of methods with one code per image is about 0.145, near 1/8, one class of all",
            "inferred",
        ),
        "region.average": ("the paper's Eq. 7 averages over the classes last", "stated"),
        **_OFFICIAL,
        "segmentation.accuracy": ("the authors: don't-care pixels are left out", "stated"),
        "cityscapes.network": ("the text names DRN, as SPADE does", "stated"),
        "cityscapes.labels": ("label maps as the network saw them; alternative: stored", "assumed"),
        "cityscapes.scales": ("one scale, as in SPADE", "assumed"),
        "ade20k.network": ("the published weights of that year were RGB", "assumed"),
        "ade20k.labels": ("label maps as the network saw them; alternative: stored", "assumed"),
        "ade20k.sizes": ("the evaluator's own configuration", "assumed"),
        **_NO_COCO,
        **_NO_FACES,
        "deepfashion.network": ("the author: CIHP_PGN, although the text says a parser trained on LIP", "stated"),
    },
    "inade2021": {
        "repeats": ("10 runs averaged for methods with noise", "stated"),
        **_NOISE,
        "fid.mode": ("the released script is pytorch-fid after 2019-05-27", "released code"),
        "fid.real_split": ("the release holds statistics of the training splits", "released code"),
        "fid.reference_limit": ("the released statistics are of the training splits", "assumed"),
        **_NO_SCORES,
        "lpips.quantity": ("LPIPS between images of one label map, higher is better", "stated"),
        "lpips.layouts": ("the whole validation set (section 8)", "stated"),
        "lpips.groups": ("10 groups, each the validation set drawn once (section 8)", "stated"),
        "lpips.pairs": (
            "10 random pairs of groups (section 8); that none comes twice is assumed, alternative: repeated10",
            "stated",
        ),
        **_LPIPS_PACKAGE,
        "region.layouts": ("as smis2020; alternative: the whole validation set", "assumed"),
        "region.images": ("as smis2020", "assumed"),
        "region.pairs": ("as smis2020", "assumed"),
        **_MASK,
        "region.absent": (
            "printed mCSD / LPIPS of methods with one code per image is 0.21 to 0.28, too much for counting all",
            "inferred",
        ),
        "region.average": ("as smis2020", "assumed"),
        **_OFFICIAL,
        "segmentation.accuracy": ("93.26 on Cityscapes is only possible without the don't-care pixels", "inferred"),
        "cityscapes.network": ("the authors: drn-d-105_ms_cityscapes.pth", "stated"),
        "cityscapes.labels": ("the authors: 256x512 images go in as they are, labels are shrunk", "stated"),
        "cityscapes.scales": ("the authors: no --ms", "stated"),
        "ade20k.network": ("the published weights of that year were RGB", "assumed"),
        "ade20k.labels": ("as on Cityscapes; alternative: stored", "assumed"),
        "ade20k.sizes": ("the evaluator's own configuration; alternative: 256", "assumed"),
        "coco_stuff.labels": ("the paper has no COCO-Stuff; as CC-FPSE, 256x256", "ours"),
        "celebamask.resize": ("the parser's own test script", "assumed"),
        "celebamask.labels": ("the parser works at 512x512, the size of the label files", "assumed"),
        "deepfashion.network": ("a UNet trained by the authors, never released: train one", "stated"),
    },
    "scgan2021": {
        "repeats": ("one image per label map is compared with its photo", "assumed"),
        "style": ("the released test encodes the real image where the network has an encoder", "released code"),
        "fid.mode": (
            "the released script is pytorch-fid of 2020; its rows of older methods are copied",
            "released code",
        ),
        "fid.real_split": ("the table says validation sets", "stated"),
        **_ALL_PHOTOS,
        "inception_score.network": (
            "the released script; which resize to 299 is not said, and a TensorFlow twin of it is there as well",
            "released code",
        ),
        "inception_score.splits": ("the script's default", "released code"),
        "prdc.neighbours": _NO_SCORES["prdc.neighbours"],
        "lpips.quantity": ("LPIPS between image and photo, lower is better", "stated"),
        "lpips.layouts": ("the whole validation set", "assumed"),
        "lpips.groups": ("only for diversity, which the paper does not print; as inade2021", "ours"),
        "lpips.pairs": ("only for diversity, which the paper does not print; as inade2021", "ours"),
        **_LPIPS_PACKAGE,
        **_NO_REGIONS,
        **_OFFICIAL,
        "segmentation.accuracy": ("its table repeats SPADE's 81.9, so it divides as SPADE does", "inferred"),
        "cityscapes.network": ("the text: DRN-D-105", "stated"),
        "cityscapes.labels": (
            "label maps as the network saw them; alternative: stored, as rows repeat SPADE's",
            "assumed",
        ),
        "cityscapes.scales": ("one scale, as in SPADE", "assumed"),
        "ade20k.network": ("the published weights of that year were RGB", "assumed"),
        "ade20k.labels": ("label maps as the network saw them; alternative: stored", "assumed"),
        "ade20k.sizes": ("the evaluator's own configuration; alternatives: 256, 450", "assumed"),
        "coco_stuff.labels": ("CC-FPSE's answer to a user: 256x256; alternative: stored", "inferred"),
        **_NO_FACES,
        **_NO_DEEPFASHION,
    },
    "clean": {
        "repeats": ("enough for a standard deviation", "ours"),
        "style": ("a method must not see the photo it is to draw", "ours"),
        "fid.mode": ("clean-fid's antialiased resize", "ours"),
        "fid.real_split": ("the photos of the drawn label maps; small sets raise FID, so state N", "ours"),
        "fid.reference_limit": ("all photos of the split", "ours"),
        "inception_score.network": ("the images meet one network, whose mode is FID's", "ours"),
        "inception_score.splits": ("as torch-fidelity", "ours"),
        "prdc.neighbours": ("as Naeem et al., ICML 2020", "ours"),
        "lpips.quantity": ("as inade2021", "ours"),
        "lpips.layouts": ("as inade2021", "ours"),
        "lpips.groups": ("as inade2021", "ours"),
        "lpips.pairs": ("as inade2021", "ours"),
        **_LPIPS_AS_INADE,
        "region.layouts": ("as inade2021", "ours"),
        "region.images": ("as inade2021", "ours"),
        "region.pairs": ("all pairs have the same expectation as 19 and less variance", "ours"),
        "region.mask": ("as inade2021", "ours"),
        "region.min_percent": ("as inade2021", "ours"),
        "region.absent": ("as inade2021", "ours"),
        "region.average": ("as inade2021", "ours"),
        **_OFFICIAL,
        "segmentation.accuracy": ("as inade2021", "ours"),
        **_AS_INADE,
        "coco_stuff.labels": ("images and labels at one size", "ours"),
    },
    "mini": {
        "repeats": ("inade2021, cut down for the built-in data", "ours"),
        "style": ("as inade2021", "ours"),
        "fid.mode": ("as inade2021; FID-pd uses the built-in network at the drawn size", "ours"),
        "fid.real_split": ("as inade2021", "ours"),
        "fid.reference_limit": ("enough that the bias of FID-pd, about 1/N, is small", "ours"),
        "inception_score.network": ("the images meet one network, whose mode is FID's", "ours"),
        "inception_score.splits": ("as torch-fidelity", "ours"),
        "prdc.neighbours": ("as Naeem et al., ICML 2020", "ours"),
        "lpips.quantity": ("as inade2021", "ours"),
        "lpips.layouts": ("as inade2021", "ours"),
        "lpips.groups": ("equal to repeats, so that the images are shared", "ours"),
        "lpips.pairs": ("three images have three pairs", "ours"),
        **_LPIPS_AS_INADE,
        "region.layouts": ("inade2021, cut down for the built-in data", "ours"),
        "region.images": ("inade2021, cut down for the built-in data", "ours"),
        "region.pairs": ("all pairs have the same expectation as consecutive ones and less variance", "ours"),
        "region.mask": ("as inade2021", "ours"),
        "region.min_percent": ("as inade2021", "ours"),
        "region.absent": ("as inade2021", "ours"),
        "region.average": ("as inade2021", "ours"),
        **_OFFICIAL,
        "segmentation.accuracy": ("as inade2021", "ours"),
        **_AS_INADE,
        "coco_stuff.labels": ("as clean", "ours"),
    },
}
