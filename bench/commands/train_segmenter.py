"""`bench train-segmenter`."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from bench.options import FOLDER, POSITIVE, debug_option, seed_option


@click.command()
@click.option(
    "--dataset", type=click.Choice(["paperdolls"]), default="paperdolls", show_default=True, help="Data to learn from."
)
@seed_option
@click.option("--steps", type=POSITIVE, default=1200, show_default=True, help="Steps of 32 photos.")
@click.option("--items", type=POSITIVE, default=6000, show_default=True, help="How many drawn persons to learn from.")
@click.option("--out", type=FOLDER, help="Folder to write to  [default: the shipped weights].")
@debug_option
def command(dataset: str, seed: int, steps: int, items: int, out: Path | None) -> None:
    """Train the small segmenter that reads the layouts of drawn persons (about three minutes on one core).

    The weights and a record of how they were made, scores on held-out persons included, are written side by side.
    """
    import torch

    from bench.features import WEIGHTS, train_segmenter

    torch.set_num_threads(1)  # so that the same seed gives the same weights on every machine of a kind
    click.echo(json.dumps(train_segmenter(seed, steps, items, out or WEIGHTS), indent=2))
