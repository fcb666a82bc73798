"""Batches as the harness would hand them to a metric."""

import torch

from metrics.base import Samples


def draw_samples(layouts, images, seed=0, size=64, num_classes=4):
    """Random images whose classes are blocks; the re-styled region of layout n is class n % 4."""
    generator = torch.Generator().manual_seed(seed)
    fake = torch.randint(0, 256, (layouts, images, 3, size, size), generator=generator) / 127.5 - 1
    real = torch.randint(0, 256, (layouts, 3, size, size), generator=generator) / 127.5 - 1
    labels = torch.randint(0, num_classes, (layouts, size // 8, size // 8), generator=generator)
    labels = labels.repeat_interleave(8, 1).repeat_interleave(8, 2)
    region_id = torch.arange(layouts) % num_classes
    region = labels == region_id[:, None, None]
    return Samples(fake, real, labels, labels, torch.arange(layouts), region, region_id)


def take(samples, positions):
    """The same samples at some of their positions."""
    parts = ("fake", "real", "labels", "instances", "index", "region", "region_id")
    return Samples(*(getattr(samples, part)[positions] for part in parts))
