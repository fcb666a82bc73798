"""PNG files of the images that metrics see, for people and other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from bench.synthesis.grids import save_png


@dataclass(frozen=True)
class SavedImages:
    """The folder of one cell's images: run<r>/<item>.png."""

    folder: Path

    def save(self, keys: Sequence[str], images: Tensor) -> None:
        """Write the K images of every item, one per run; images are [N, K, 3, H, W] uint8."""
        for key, styles in zip(keys, images, strict=True):
            for run, photo in enumerate(styles.movedim(1, -1).cpu().numpy(), start=1):
                save_png(self.folder / f"run{run}" / f"{Path(key).name}.png", photo)
