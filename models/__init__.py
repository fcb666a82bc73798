"""The compared methods, each in a file of its own: pictures from layouts."""

from __future__ import annotations

from collections.abc import Mapping

# name -> (where its MethodSpec is, its title in tables, one line), in the order tables print them. A title is what the
# paper prints; a variant's stands behind the method's. Nothing is imported before it is used.
METHODS: Mapping[str, tuple[str, str, str]] = {
    "crn": ("models.crn:CRN", "CRN", "CRN (ICCV 2017): the first of nine images per layout, without an adversary"),
    "sims": (
        "models.sims.method:SIMS",
        "SIMS",
        "SIMS (CVPR 2018): segments of training photos, put together and completed",
    ),
    "sims-ordered": (
        "models.sims.method:SIMS_ORDERED",
        "SIMS, ordered",
        "SIMS with its network for which segment is in front",
    ),
    "pix2pixhd": ("models.pix2pixhd:PIX2PIXHD", "pix2pixHD", "pix2pixHD (CVPR 2018): one image per layout"),
    "pix2pixhd-original": (
        "models.pix2pixhd:PIX2PIXHD_ORIGINAL",
        "pix2pixHD, original",
        "pix2pixHD with a bias in every convolution",
    ),
    "pix2pixhd++": (
        "models.pix2pixhd:PIX2PIXHD_PP",
        "pix2pixHD++",
        "pix2pixHD++ (in the SPADE paper): with batch norm",
    ),
    "pix2pixhd++-concat": (
        "models.pix2pixhd:PIX2PIXHD_PP_CONCAT",
        "pix2pixHD++ w/ Concat",
        "pix2pixHD++ that reads the labels in every block",
    ),
    "pix2pixhd++-spade": (
        "models.pix2pixhd:PIX2PIXHD_PP_SPADE",
        "pix2pixHD++ w/ SPADE",
        "pix2pixHD++ with SPADE for every norm",
    ),
    "pix2pixhd++-compact": (
        "models.pix2pixhd:PIX2PIXHD_PP_COMPACT",
        "pix2pixHD++, compact",
        "pix2pixHD++ at three quarters of the width",
    ),
    "spade": ("models.spade:SPADE", "SPADE", "SPADE (CVPR 2019): one image per layout"),
    "spade-compact": ("models.spade:SPADE_COMPACT", "SPADE, compact decoder", "SPADE at three quarters of the width"),
    "spade-large": ("models.spade:SPADE_LARGE", "SPADE, large decoder", "SPADE at five quarters of the width"),
    "spade-concat": (
        "models.spade:SPADE_CONCAT",
        "SPADE, decoder w/ Concat",
        "SPADE's decoder with the labels beside its features",
    ),
    "spade-random-input": (
        "models.spade:SPADE_RANDOM_INPUT",
        "SPADE, random input",
        "SPADE that starts from noise instead of the labels",
    ),
    "spade-kernel1": (
        "models.spade:SPADE_KERNEL1",
        "SPADE, kernelsize 1x1",
        "SPADE with 1x1 convolutions over the labels",
    ),
    "spade-kernel5": (
        "models.spade:SPADE_KERNEL5",
        "SPADE, kernelsize 5x5",
        "SPADE with 5x5 convolutions over the labels",
    ),
    "spade-norm-batch": (
        "models.spade:SPADE_NORM_BATCH",
        "SPADE, BatchNorm",
        "SPADE with batch norm that is not synchronised",
    ),
    "spade-norm-instance": ("models.spade:SPADE_NORM_INSTANCE", "SPADE, InstanceNorm", "SPADE with instance norm"),
    "spade-no-perceptual": (
        "models.spade:SPADE_NO_PERCEPTUAL",
        "SPADE w/o Perceptual loss",
        "SPADE trained without the perceptual loss",
    ),
    "spade-no-feature-matching": (
        "models.spade:SPADE_NO_FEATURE_MATCHING",
        "SPADE w/o GAN feature matching loss",
        "SPADE trained without matching the discriminator's features",
    ),
    "spade-deeper-discriminator": (
        "models.spade:SPADE_DEEPER_DISCRIMINATOR",
        "SPADE w/ a deeper discriminator",
        "SPADE trained with one layer more in the discriminator",
    ),
    "clade": ("models.clade:CLADE", "CLADE", "CLADE (TPAMI 2021): a table of scales and shifts per class"),
    "clade-icpe": ("models.clade:CLADE_ICPE", "CLADE-ICPE", "CLADE with the position inside every object"),
    "ccfpse": (
        "models.ccfpse:CCFPSE",
        "CC-FPSE",
        "CC-FPSE (NeurIPS 2019): convolutions whose weights follow from the labels",
    ),
    "oasis": (
        "models.oasis:OASIS",
        "OASIS",
        "OASIS (ICLR 2021): a style for any region; its discriminator is a segmenter",
    ),
    "scgan": (
        "models.scgan.method:SCGAN",
        "SC-GAN",
        "SC-GAN (ICCV 2021): semantic vectors blend shared weights at every position",
    ),
    "scgan-conv-bn": (
        "models.scgan.method:SCGAN_CONV_BN",
        "SC-GAN, Conv+BN",
        "SC-GAN with plain convolutions and batch norms (re-constructed)",
    ),
    "scgan-conv-scn": (
        "models.scgan.method:SCGAN_CONV_SCN",
        "SC-GAN, Conv+SCN",
        "SC-GAN with plain convolutions (re-constructed)",
    ),
    "scgan-scc-bn": ("models.scgan.method:SCGAN_SCC_BN", "SC-GAN, SCC+BN", "SC-GAN with plain batch norms"),
    "scgan-no-vector-loss": (
        "models.scgan.method:SCGAN_NO_VECTOR_LOSS",
        "SC-GAN w/o L_s",
        "SC-GAN whose vectors have no loss of their own",
    ),
    "scgan-vector-loss-l2": (
        "models.scgan.method:SCGAN_VECTOR_LOSS_L2",
        "SC-GAN w/ L_s (ℓ2)",
        "SC-GAN with squared errors as the vectors' loss",
    ),
    "scgan-vector-loss-vgg": (
        "models.scgan.method:SCGAN_VECTOR_LOSS_VGG",
        "SC-GAN w/ L_s (vgg)",
        "SC-GAN with VGG features in the vectors' loss",
    ),
    "scgan-n8": ("models.scgan.method:SCGAN_N8", "SC-GAN, n = 8", "SC-GAN with 8 kernels per convolution"),
    "scgan-n4": ("models.scgan.method:SCGAN_N4", "SC-GAN, n = 4", "SC-GAN with 4 kernels per convolution"),
    "scgan-n2": ("models.scgan.method:SCGAN_N2", "SC-GAN, n = 2", "SC-GAN with 2 kernels per convolution"),
    "scgan-n1": ("models.scgan.method:SCGAN_N1", "SC-GAN, n = 1", "SC-GAN with 1 kernel per convolution"),
    "scgan-sigmoid": (
        "models.scgan.method:SCGAN_SIGMOID",
        "SC-GAN, Sigmoid",
        "SC-GAN that blends by sigmoids of the vectors",
    ),
    "scgan-tanh": (
        "models.scgan.method:SCGAN_TANH",
        "SC-GAN, Tanh",
        "SC-GAN that blends by hyperbolic tangents of the vectors",
    ),
    "scgan-relu": (
        "models.scgan.method:SCGAN_RELU",
        "SC-GAN, ReLU",
        "SC-GAN that blends by the vectors' positive parts",
    ),
    "scgan-no-nonlinearity": (
        "models.scgan.method:SCGAN_NO_NONLINEARITY",
        "SC-GAN w/o nonlinearity",
        "SC-GAN that blends by the vectors as they are",
    ),
    "scgan-oasis": (
        "models.scgan.method:SCGAN_OASIS",
        "SC-GAN w/ OASIS's discriminator",
        "SC-GAN trained as OASIS is (re-constructed)",
    ),
    "scgan-unpaired": (
        "models.scgan.unpaired:SCGAN_UNPAIRED",
        "SC-GAN, unpaired (re-constructed)",
        "SC-GAN that translates photos between domains (re-constructed)",
    ),
    "munit": ("models.munit:MUNIT", "MUNIT", "MUNIT (ECCV 2018): translates photos between domains, a style per image"),
    "dmit": (
        "models.dmit:DMIT",
        "DMIT (re-constructed)",
        "DMIT (NeurIPS 2019): one network for all domains (re-constructed)",
    ),
    "sean": ("models.sean:SEAN", "SEAN", "SEAN (CVPR 2020): a style code per class, of a reference photo"),
    "maskgan": (
        "models.maskgan:MASKGAN",
        "MaskGAN",
        "MaskGAN (CVPR 2020): the style of a reference photo; drawing only",
    ),
    "bicyclegan": (
        "models.bicyclegan:BICYCLEGAN",
        "BicycleGAN",
        "BicycleGAN (NIPS 2017): a style per image, which an encoder reads",
    ),
    "dscgan": (
        "models.dscgan:DSCGAN",
        "DSCGAN",
        "DSCGAN (ICLR 2019): a style per image, kept diverse by a regulariser",
    ),
    "dscgan-hd": (
        "models.dscgan:DSCGAN_HD",
        "DSCGAN-HD",
        "DSCGAN on a small pix2pixHD, its authors' Cityscapes network",
    ),
    "vspade": ("models.spade:VSPADE", "VSPADE", "VSPADE (CVPR 2019): SPADE with one style vector per image"),
    "groupdnet": ("models.groupdnet.method:GROUPDNET", "GroupDNet", "GroupDNet (CVPR 2020): a style per class"),
    "groupdnet-no-map": (
        "models.groupdnet.method:GROUPDNET_NO_MAP",
        "GroupDNet w/o map",
        "GroupDNet with a vector per class for its map",
    ),
    "groupdnet-no-split": (
        "models.groupdnet.method:GROUPDNET_NO_SPLIT",
        "GroupDNet w/o split",
        "GroupDNet that shows every class the whole photo",
    ),
    "groupdnet-groupnorm": (
        "models.groupdnet.method:GROUPDNET_GROUPNORM",
        "GroupDNet → GroupNorm",
        "GroupDNet with group norm",
    ),
    "groupdnet-no-syncbn": (
        "models.groupdnet.method:GROUPDNET_NO_SYNCBN",
        "GroupDNet w/o SyncBN",
        "GroupDNet with batch norm that is not synchronised",
    ),
    "groupdnet-no-specnorm": (
        "models.groupdnet.method:GROUPDNET_NO_SPECNORM",
        "GroupDNet w/o SpecNorm",
        "GroupDNet without spectral norm",
    ),
    "mulnet": (
        "models.groupdnet.baselines:MULNET",
        "MulNet",
        "MulNet: a network per class, and a fusion (re-constructed)",
    ),
    "groupnet": (
        "models.groupdnet.baselines:GROUPNET",
        "GroupNet",
        "GroupNet: MulNet as grouped convolutions (re-constructed)",
    ),
    "groupenc": (
        "models.groupdnet.baselines:GROUPENC",
        "Group Enc",
        "GroupEnc: VSPADE with a grouped encoder (re-constructed)",
    ),
    "groupdec": (
        "models.groupdnet.baselines:GROUPDEC",
        "Group Dec",
        "GroupDec: VSPADE with a grouped decoder (re-constructed)",
    ),
    "inade": ("models.inade:INADE", "INADE", "INADE (CVPR 2021): a style per instance"),
    "inade-8": ("models.inade:INADE_8", "INADE-8", "INADE with 8 numbers of noise per instance"),
    "inade-64": ("models.inade:INADE_64", "INADE-64", "INADE with 64 numbers of noise per instance, its default"),
    "inade-128": ("models.inade:INADE_128", "INADE-128", "INADE with 128 numbers of noise per instance"),
    "inade-no-pnr": ("models.inade:INADE_NO_PNR", "INADE w/o PNR", "INADE without prior noise remapping: no encoder"),
    "inade-no-us": (
        "models.inade:INADE_NO_US",
        "INADE w/o US",
        "INADE without unified sampling: every norm draws its own noise",
    ),
}
