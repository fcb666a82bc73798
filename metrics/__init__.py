"""Numbers from tensors: quality, diversity and cost of the images a method draws."""

from __future__ import annotations

METRICS: dict[str, tuple[str, str]] = {
    "fid": ("metrics.fid:FID", "distance of generated to real images in Inception features"),
    "kid": ("metrics.kid:KID", "squared MMD of generated and real images in Inception features"),
    "is": (
        "metrics.inception_score:INCEPTION_SCORE",
        "how sure a classifier is of the images, and how unlike they are",
    ),
    "prdc": ("metrics.prdc:PRDC", "precision, recall, density and coverage in Inception features"),
    "fid-infinity": ("metrics.fid_infinity:FID_INFINITY", "FID extrapolated to infinitely many generated images"),
    "lpips": ("metrics.lpips_diversity:LPIPS", "how much the images of one label map differ (AlexNet)"),
    "lpips-photo": ("metrics.lpips_diversity:LPIPS_PHOTO", "how far an image is from the real photo (AlexNet)"),
    "mcsd": ("metrics.region_diversity:MCSD", "change inside and outside a re-styled class: mCSD, mOCD"),
    "misd": ("metrics.region_diversity:MISD", "change inside and outside a re-styled instance: mISD, mOID"),
    "segmentation": ("metrics.segmentation:SEGMENTATION", "mIoU and accuracy of a segmenter on the images"),
    "fid-pd": ("metrics.fid:FID_PD", "FID in the features of the built-in paper-doll network"),
    "kid-pd": ("metrics.kid:KID_PD", "KID in the features of the built-in paper-doll network"),
    "prdc-pd": ("metrics.prdc:PRDC_PD", "precision, recall, density and coverage with the built-in network"),
    "lpips-pd": ("metrics.lpips_diversity:LPIPS_PD", "LPIPS in the features of the built-in paper-doll network"),
    "mcsd-pd": ("metrics.region_diversity:MCSD_PD", "mCSD and mOCD with the built-in paper-doll network"),
    "misd-pd": ("metrics.region_diversity:MISD_PD", "mISD and mOID with the built-in paper-doll network"),
    "segmentation-pd": ("metrics.segmentation:SEGMENTATION_PD", "mIoU and accuracy by the built-in segmenter"),
    "params": ("metrics.complexity:PARAMETERS", "trainable parameters of the generator"),
    "macs": ("metrics.complexity:MACS", "multiply-adds of one image, counted truly and as the papers count"),
    "seconds": ("metrics.complexity:SECONDS", "time to draw one image"),
    "memory": ("metrics.complexity:MEMORY", "peak memory of the accelerator while drawing one image"),
    "energy": ("metrics.complexity:ENERGY", "joules of the accelerator for one image, where it counts them"),
}
