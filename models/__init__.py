"""The compared methods, each in a file of its own: pictures from layouts."""

from __future__ import annotations

from collections.abc import Mapping

# name -> (where its MethodSpec is, one line); in the order tables print them. Nothing is imported before it is used.
METHODS: Mapping[str, tuple[str, str]] = {
    "crn": ("models.crn:CRN", "CRN (ICCV 2017): the first of nine images per layout, without an adversary"),
    "sims": ("models.sims:SIMS", "SIMS (CVPR 2018): segments of training photos, put together and completed"),
    "sims-ordered": ("models.sims:SIMS_ORDERED", "SIMS with its network for which segment is in front"),
    "pix2pixhd": ("models.pix2pixhd:PIX2PIXHD", "pix2pixHD (CVPR 2018): one image per layout"),
    "pix2pixhd-original": ("models.pix2pixhd:PIX2PIXHD_ORIGINAL", "pix2pixHD with a bias in every convolution"),
    "pix2pixhd++": ("models.pix2pixhd:PIX2PIXHD_PP", "pix2pixHD++ (in the SPADE paper): with batch norm"),
    "pix2pixhd++-concat": ("models.pix2pixhd:PIX2PIXHD_PP_CONCAT", "pix2pixHD++ that reads the labels in every block"),
    "pix2pixhd++-spade": ("models.pix2pixhd:PIX2PIXHD_PP_SPADE", "pix2pixHD++ with SPADE for every norm"),
    "pix2pixhd++-compact": ("models.pix2pixhd:PIX2PIXHD_PP_COMPACT", "pix2pixHD++ at three quarters of the width"),
    "spade": ("models.spade:SPADE", "SPADE (CVPR 2019): one image per layout"),
    "spade-compact": ("models.spade:SPADE_COMPACT", "SPADE at three quarters of the width"),
    "spade-large": ("models.spade:SPADE_LARGE", "SPADE at five quarters of the width"),
    "spade-concat": ("models.spade:SPADE_CONCAT", "SPADE's decoder with the labels beside its features"),
    "spade-random-input": ("models.spade:SPADE_RANDOM_INPUT", "SPADE that starts from noise instead of the labels"),
    "spade-kernel1": ("models.spade:SPADE_KERNEL1", "SPADE with 1x1 convolutions over the labels"),
    "spade-kernel5": ("models.spade:SPADE_KERNEL5", "SPADE with 5x5 convolutions over the labels"),
    "spade-norm-batch": ("models.spade:SPADE_NORM_BATCH", "SPADE with batch norm that is not synchronised"),
    "spade-norm-instance": ("models.spade:SPADE_NORM_INSTANCE", "SPADE with instance norm"),
    "spade-no-perceptual": ("models.spade:SPADE_NO_PERCEPTUAL", "SPADE trained without the perceptual loss"),
    "spade-no-feature-matching": (
        "models.spade:SPADE_NO_FEATURE_MATCHING",
        "SPADE trained without matching the discriminator's features",
    ),
    "spade-deeper-discriminator": (
        "models.spade:SPADE_DEEPER_DISCRIMINATOR",
        "SPADE trained with one layer more in the discriminator",
    ),
    "clade": ("models.clade:CLADE", "CLADE (TPAMI 2021): a table of scales and shifts per class"),
    "clade-icpe": ("models.clade:CLADE_ICPE", "CLADE with the position inside every object"),
    "sean": ("models.sean:SEAN", "SEAN (CVPR 2020): a style code per class, of a reference photo"),
    "maskgan": (
        "models.maskgan:MASKGAN",
        "MaskGAN (CVPR 2020): the style of a reference photo; drawing only",
    ),
    "bicyclegan": ("models.bicyclegan:BICYCLEGAN", "BicycleGAN (NIPS 2017): a style per image, which an encoder reads"),
    "dscgan": ("models.dscgan:DSCGAN", "DSCGAN (ICLR 2019): a style per image, kept diverse by a regulariser"),
    "dscgan-hd": ("models.dscgan:DSCGAN_HD", "DSCGAN on a small pix2pixHD, its authors' Cityscapes network"),
    "vspade": ("models.spade:VSPADE", "VSPADE (CVPR 2019): SPADE with one style vector per image"),
    "groupdnet": ("models.groupdnet:GROUPDNET", "GroupDNet (CVPR 2020): a style per class"),
    "groupdnet-no-map": ("models.groupdnet:GROUPDNET_NO_MAP", "GroupDNet with a vector per class for its map"),
    "groupdnet-no-split": ("models.groupdnet:GROUPDNET_NO_SPLIT", "GroupDNet that shows every class the whole photo"),
    "groupdnet-groupnorm": ("models.groupdnet:GROUPDNET_GROUPNORM", "GroupDNet with group norm"),
    "groupdnet-no-syncbn": (
        "models.groupdnet:GROUPDNET_NO_SYNCBN",
        "GroupDNet with batch norm that is not synchronised",
    ),
    "groupdnet-no-specnorm": ("models.groupdnet:GROUPDNET_NO_SPECNORM", "GroupDNet without spectral norm"),
    "mulnet": ("models.groupdnet_baselines:MULNET", "MulNet: a network per class, and a fusion (re-constructed)"),
    "groupnet": ("models.groupdnet_baselines:GROUPNET", "GroupNet: MulNet as grouped convolutions (re-constructed)"),
    "groupenc": ("models.groupdnet_baselines:GROUPENC", "GroupEnc: VSPADE with a grouped encoder (re-constructed)"),
    "groupdec": ("models.groupdnet_baselines:GROUPDEC", "GroupDec: VSPADE with a grouped decoder (re-constructed)"),
    "inade": ("models.inade:INADE", "INADE (CVPR 2021): a style per instance"),
    "inade-8": ("models.inade:INADE_8", "INADE with 8 numbers of noise per instance"),
    "inade-64": ("models.inade:INADE_64", "INADE with 64 numbers of noise per instance, its default"),
    "inade-128": ("models.inade:INADE_128", "INADE with 128 numbers of noise per instance"),
    "inade-no-pnr": ("models.inade:INADE_NO_PNR", "INADE without prior noise remapping: no encoder"),
    "inade-no-us": ("models.inade:INADE_NO_US", "INADE without unified sampling: every norm draws its own noise"),
}
