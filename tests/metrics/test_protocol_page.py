"""The worked example of docs/protocols.md is what the suite prints, and its arithmetic holds."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.commands.cli import cli
from metrics.protocol import PROTOCOLS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs" / "cityscapes19.npz"


def test_the_example_is_printed_as_the_page_shows_it():
    printed = CliRunner().invoke(cli, ["confusion", str(EXAMPLE)]).stdout.splitlines()
    assert printed
    for line in printed:
        assert f"    {line.rstrip()}\n" in PAGE


def test_the_example_is_the_golden_matrix():
    with np.load(EXAMPLE) as example, np.load(ROOT / "tests/goldens/metrics/cityscapes19.npz") as golden:
        np.testing.assert_array_equal(example["confusion"][0], golden["confusion"])
        assert example["void"][0] == golden["label"].size - golden["confusion"].sum()


def test_the_ratio_of_the_two_accuracies_is_the_share_of_scored_pixels():
    few, many, ratio = map(float, re.search(r"([\d.]+) / ([\d.]+) = ([\d.]+)\.", PAGE).groups())
    with np.load(EXAMPLE) as example:
        counts, void = example["confusion"][0], example["void"][0]
    valid = np.trace(counts) / counts.sum()
    assert (round(100 * valid, 2), round(100 * np.trace(counts) / (counts.sum() + void), 2)) == (many, few)
    assert few / many == pytest.approx(ratio, abs=1e-4)
    assert counts.sum() / (counts.sum() + void) == pytest.approx(ratio, abs=1e-4)


def test_the_page_names_every_protocol_of_a_paper_with_its_accuracy():
    rows = {row[1]: row[2] for row in re.finditer(r"^\| `(\w+)` \|(.*)$", PAGE, re.MULTILINE)}
    assert set(rows) >= set(PROTOCOLS) - {"mini"}
    for name in ("spade2019", "scgan2021"):
        assert PROTOCOLS[name].segmentation.accuracy == "all"
        assert "accuracy over all pixels" in rows[name]
    for name in ("smis2020", "inade2021", "clean"):
        assert PROTOCOLS[name].segmentation.accuracy == "valid"
