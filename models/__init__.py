"""The compared methods, each in a file of its own: pictures from layouts."""

from __future__ import annotations

from collections.abc import Mapping

# name -> (where its MethodSpec is, one line); in the order tables print them. Nothing is imported before it is used.
METHODS: Mapping[str, tuple[str, str]] = {
    "pix2pixhd": ("models.pix2pixhd:PIX2PIXHD", "pix2pixHD (CVPR 2018): one image per layout"),
    "pix2pixhd-original": ("models.pix2pixhd:PIX2PIXHD_ORIGINAL", "pix2pixHD with a bias in every convolution"),
    "pix2pixhd++": ("models.pix2pixhd:PIX2PIXHD_PP", "pix2pixHD++ (in the SPADE paper): with batch norm"),
    "pix2pixhd++-concat": ("models.pix2pixhd:PIX2PIXHD_PP_CONCAT", "pix2pixHD++ that reads the labels in every block"),
    "pix2pixhd++-spade": ("models.pix2pixhd:PIX2PIXHD_PP_SPADE", "pix2pixHD++ with SPADE for every norm"),
    "pix2pixhd++-compact": ("models.pix2pixhd:PIX2PIXHD_PP_COMPACT", "pix2pixHD++ at three quarters of the width"),
    "spade": ("models.spade:SPADE", "SPADE (CVPR 2019): one image per layout"),
    "clade": ("models.clade:CLADE", "CLADE (TPAMI 2021): a table of scales and shifts per class"),
    "clade-icpe": ("models.clade:CLADE_ICPE", "CLADE with the position inside every object"),
    "sean": ("models.sean:SEAN", "SEAN (CVPR 2020): a style code per class, of a reference photo"),
    "bicyclegan": ("models.bicyclegan:BICYCLEGAN", "BicycleGAN (NIPS 2017): a style per image, which an encoder reads"),
    "dscgan": ("models.dscgan:DSCGAN", "DSCGAN (ICLR 2019): a style per image, kept diverse by a regulariser"),
    "dscgan-hd": ("models.dscgan:DSCGAN_HD", "DSCGAN on a small pix2pixHD, its authors' Cityscapes network"),
    "vspade": ("models.spade:VSPADE", "VSPADE (CVPR 2019): SPADE with one style vector per image"),
    "groupdnet": ("models.groupdnet:GROUPDNET", "GroupDNet (CVPR 2020): a style per class"),
    "inade": ("models.inade:INADE", "INADE (CVPR 2021): a style per instance"),
}
