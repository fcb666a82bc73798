"""`bench train-features`."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click


@click.command()
@click.option("--seed", default=0, show_default=True, help="Decides the first weights and the order of the photos.")
@click.option("--steps", default=1000, show_default=True, help="Steps of 32 photos.")
@click.option("--items", default=6000, show_default=True, help="How many drawn persons to learn from.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to  [default: the shipped weights].")
def command(seed: int, steps: int, items: int, out: Path | None) -> None:
    """Train the small network behind FID-pd and LPIPS-pd (about three minutes on one core).

    The weights and a record of how they were made, scores on held-out persons included, are written side by side.
    """
    import torch

    from bench.features import WEIGHTS, train_features

    torch.set_num_threads(1)  # so that the same seed gives the same weights on every machine of a kind
    click.echo(json.dumps(train_features(seed, steps, items, out or WEIGHTS), indent=2))
