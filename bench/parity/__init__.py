"""Compare this installation with goldens: inputs and outputs of the authors' own networks, weights made from names."""

from __future__ import annotations

from collections.abc import Mapping

# (method, network) of a golden -> the function that recomputes it; nothing is imported before it is used.
ADAPTERS: Mapping[tuple[str, str], str] = {
    ("crn", "netG"): "bench.parity.crn:generator",
    ("sims", "netG"): "bench.parity.sims:generator",
    ("sims", "order"): "bench.parity.sims:order",
    ("spade", "netG"): "bench.parity.spade:generator",
    ("spade", "netD"): "bench.parity.spade:discriminator",
    ("spade", "training_step"): "bench.parity.spade:training_step",
    ("pix2pixhd", "netG"): "bench.parity.pix2pixhd:generator",
    ("pix2pixhd", "netD"): "bench.parity.pix2pixhd:discriminator",
    ("pix2pixhd", "training_step"): "bench.parity.pix2pixhd:training_step",
    ("pix2pixhd++", "netG"): "bench.parity.pix2pixhd:generator",
    ("clade", "netG"): "bench.parity.clade:generator",
    ("clade", "netD"): "bench.parity.spade:discriminator",
    ("clade", "training_step"): "bench.parity.clade:training_step",
    ("clade-icpe", "netG"): "bench.parity.clade:generator",
    ("maskgan", "netG"): "bench.parity.maskgan:generator",
    ("sean", "netG"): "bench.parity.sean:generator",
    ("vspade", "netG"): "bench.parity.spade:generator",
    ("vspade", "netE"): "bench.parity.spade:encoder",
    ("vspade", "netD"): "bench.parity.spade:discriminator",
    ("vspade", "training_step"): "bench.parity.spade:training_step",
    ("groupdnet", "netG"): "bench.parity.groupdnet:generator",
    ("groupdnet", "netE"): "bench.parity.groupdnet:encoder",
    ("groupdnet", "netD"): "bench.parity.spade:discriminator",
    ("groupdnet", "training_step"): "bench.parity.groupdnet:training_step",
    ("inade", "netG"): "bench.parity.inade:generator",
    ("inade", "netE"): "bench.parity.inade:encoder",
    ("inade", "netD"): "bench.parity.spade:discriminator",
    ("inade", "training_step"): "bench.parity.inade:training_step",
    ("bicyclegan", "netG"): "bench.parity.bicyclegan:generator",
    ("bicyclegan", "netE"): "bench.parity.bicyclegan:encoder",
    ("bicyclegan", "netD"): "bench.parity.bicyclegan:discriminator",
    ("bicyclegan", "training_step"): "bench.parity.bicyclegan:training_step",
    ("dscgan", "netG"): "bench.parity.dscgan:generator",
    ("dscgan", "netD"): "bench.parity.dscgan:discriminator",
    ("dscgan", ""): "bench.parity.dscgan:regulariser",
    ("ccfpse", "netG"): "bench.parity.ccfpse:generator",
    ("ccfpse", "netE"): "bench.parity.ccfpse:encoder",
    ("ccfpse", "netD"): "bench.parity.fpse:discriminator",
    ("oasis", "netG"): "bench.parity.oasis:generator",
    ("oasis", "netD"): "bench.parity.oasis:discriminator",
    ("scgan", "netG"): "bench.parity.scgan:generator",
    ("scgan", "netE"): "bench.parity.scgan:encoder",
    ("scgan", "netD"): "bench.parity.scgan:discriminator",
    ("scgan", "training_step"): "bench.parity.scgan:training_step",
    ("lpips", 'LPIPS(net="alex",_version="0.1")'): "bench.parity.perceptual:distances",
    ("mcsd/mocd", 'LPIPS_alex_v0.1_with_named-filled_AlexNet_(salt_"alexnet:")'): "bench.parity.perceptual:regions",
    ("fid_inception", "FID-InceptionV3"): "bench.parity.metrics:inception",
}
# What goldens without a method are known by: the arrays they list as outputs.
FUNCTIONS: Mapping[tuple[str, ...], str] = {
    ("confusion",): "bench.parity.metrics:confusion_matrix",
}
