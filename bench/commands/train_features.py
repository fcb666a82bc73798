"""`bench train-features`."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from bench.common.options import FOLDER, POSITIVE, debug_option, seed_option


@click.command()
@seed_option
@click.option(
    "--steps", type=POSITIVE, default=2000, show_default=True, help="Length of the training, in steps of 32 photos."
)
@click.option("--items", type=POSITIVE, default=6000, show_default=True, help="Number of drawn persons to learn from.")
@click.option("--out", type=FOLDER, help="Folder to write to  [default: the shipped weights].")
@debug_option
def command(seed: int, steps: int, items: int, out: Path | None) -> None:
    """Train the small network that FID-pd and LPIPS-pd compare images by (about four minutes on one core).

    It is shipped with the suite: train it only to see how it was made. Beside the weights goes a record of how they
    came to be, with scores on persons that were not trained on.
    """
    import torch

    from bench.training.paperdolls_features import train_features
    from bench.training.paperdolls_networks import WEIGHTS

    torch.set_num_threads(1)  # so that the same seed gives the same weights on every machine of a kind
    click.echo(json.dumps(train_features(seed, steps, items, out or WEIGHTS), indent=2))
