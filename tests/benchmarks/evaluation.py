"""Time the metric part of an evaluation as the suite does it against the papers' way, in one run.

`OMP_NUM_THREADS=1 python tests/benchmarks/evaluation.py --json results/performance/evaluation-cpu.json`

The papers' way: write every image as PNG, run pytorch-fid on each run's folder (and its matrix square root), a
segmenter script that decodes the PNGs again, and the lpips package pair by pair, each pair decoded again. The suite's
way: `bench.evaluation.one_pass.Pass` over the same images with FID, LPIPS diversity and segmentation. Both have the
same networks (weights made from names), give the same numbers (checked) and run in a process of their own, one after
the other. On a CPU, seconds are CPU seconds.
No generator runs: images are made beforehand, as that cost is the same on both sides.

Three jobs are priced from the measured parts, for `--images` x `--runs` and for 2,000 label maps x 10 runs:
A: FID of every run against cached reference statistics, mIoU, LPIPS over 10 pairs of runs;  B: A with all pairs;
C: B where the papers' scripts see the real images again in every run (pytorch-fid on two folders).
Each is priced with all that the segmenter takes, and without its network, which any data set has another of and which
both sides need; the papers' way then still decodes its images. "limit" is the ratio of a suite that would take no time
but that of the networks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _peers import Clock, alexnet, folded_inception, lpips_module, peak_mb, pytorch_fid_network, segmenter
from PIL import Image
from torch import Tensor

from bench.common.keys import stream_seed
from bench.common.memory import keep_freed_memory
from bench.datasets.base import Dataset, Item
from bench.datasets.paperdolls.dataset import PAPERDOLLS
from bench.evaluation.one_pass import Pass
from bench.results.provenance import collect
from bench.synthesis.batches import collate
from bench.synthesis.devices import choose_device
from bench.synthesis.images import from_bytes, photos_to_tensor
from metrics.base import Reading
from metrics.fid import FID, frechet_distance
from metrics.lpips_diversity import LPIPS
from metrics.parts.moments import Gaussian, Moments
from metrics.protocol import PROTOCOLS, derive
from metrics.segmentation import SEGMENTATION, confusion, mean_iou
from models.base import Layout, Method

SEED = 0
FULL = (2000, 10)  # label maps and runs of a paper's evaluation
BATCH = 32
SOLVES = 2  # matrix square roots that are timed; each takes as long as the last


@dataclass(frozen=True)
class Job:
    """What both sides work on."""

    folder: Path
    images: int
    runs: int
    size: int
    device: str

    def fakes(self) -> np.ndarray:
        """Read the generated images [N, R, H, W, 3] uint8."""
        return np.load(self.folder / "fakes.npy", mmap_mode="r")

    def photos(self) -> np.ndarray:
        """Read the real images [N, H, W, 3] uint8."""
        return np.load(self.folder / "photos.npy", mmap_mode="r")

    def labels(self) -> np.ndarray:
        """Read the label maps [N, H, W] uint8."""
        return np.load(self.folder / "labels.npy", mmap_mode="r")


@dataclass
class Side:
    """What one side took, part by part, and what it found."""

    seconds: dict[str, float]
    values: dict[str, Any]
    peak_mb: float = 0.0


def make(job: Job) -> None:
    """Write images of 1/f noise, so that PNGs are about as large as of photos, and label maps of blocks."""
    rng = np.random.default_rng(SEED)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(job.size), np.fft.rfftfreq(job.size), indexing="ij"))

    def image() -> np.ndarray:
        white = np.fft.rfft2(rng.standard_normal((3, job.size, job.size)))
        field = np.fft.irfft2(white / np.maximum(frequency, 1 / job.size), s=(job.size, job.size))
        field = 128 + 48 * field / field.std((1, 2), keepdims=True)
        return np.clip(field, 0, 255).astype(np.uint8).transpose(1, 2, 0)

    np.save(job.folder / "fakes.npy", np.stack([[image() for _ in range(job.runs)] for _ in range(job.images)]))
    np.save(job.folder / "photos.npy", np.stack([image() for _ in range(job.images)]))
    blocks = rng.integers(0, 8, (job.images, 8, 8), dtype=np.uint8)
    np.save(job.folder / "labels.npy", blocks.repeat(job.size // 8, 1).repeat(job.size // 8, 2))


# The papers' way


def decoded(path: Path, device: torch.device) -> Tensor:
    """Read a PNG as [1, 3, H, W] in [-1, 1]."""
    return photos_to_tensor([np.asarray(Image.open(path).convert("RGB"))]).to(device)


class Scripts:
    """The scripts of the papers, over PNGs in folders."""

    def __init__(self, job: Job) -> None:
        self.job, self.device = job, torch.device(job.device)
        self.runs = [[job.folder / f"run{run}" / f"{n:05d}.png" for n in range(job.images)] for run in range(job.runs)]
        self.real = [job.folder / "real" / f"{n:05d}.png" for n in range(job.images)]
        for row in (*self.runs, self.real):
            row[0].parent.mkdir()
        for path, photo in zip(self.real, job.photos(), strict=True):
            Image.fromarray(photo).save(path)
        self.inception = pytorch_fid_network().to(self.device)
        self.lpips, self.unet = lpips_module().to(self.device), segmenter().to(self.device)

    def write(self) -> None:
        """Write every generated image."""
        fakes = self.job.fakes()
        for run, row in enumerate(self.runs):
            for n, path in enumerate(row):
                Image.fromarray(fakes[n, run]).save(path)

    def statistics(self, row: list[Path]) -> Any:
        """Run pytorch-fid's features over a folder."""
        from pytorch_fid.fid_score import calculate_activation_statistics

        return calculate_activation_statistics(row, self.inception, 50, 2048, self.device, num_workers=0)

    def decode(self, row: list[Path]) -> list[Tensor]:
        """Read one run's images."""
        return [decoded(path, self.device) for path in row]

    def segment(self, images: list[Tensor]) -> float:
        """Score one run, image by image."""
        counts, labels = torch.zeros(8, 8, dtype=torch.int64), self.job.labels()
        for n, image in enumerate(images):
            predicted = self.unet(image, (self.job.size, self.job.size)).cpu()
            counts += confusion(torch.from_numpy(labels[n : n + 1].astype(np.int64)), predicted, 8)
        return 100 * mean_iou(counts, "nan_union")

    def distance(self, one: list[Path], other: list[Path]) -> float:
        """Compare two runs, image by image."""
        pairs = [(decoded(a, self.device), decoded(b, self.device)) for a, b in zip(one, other, strict=True)]
        return float(np.mean([float(self.lpips(a, b)) for a, b in pairs]))


@torch.no_grad()
def papers_way(job: Job) -> Side:
    """Run script after script."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    scripts, clock = Scripts(job), Clock(torch.device(job.device))
    clock.time("write PNGs", scripts.write)
    real = clock.time("FID features of the real images, per run", scripts.statistics, scripts.real)
    moments = [clock.time("FID features", scripts.statistics, row) for row in scripts.runs]
    fid = [clock.time("FID solve", calculate_frechet_distance, *each, *real) for each in moments[:SOLVES]]
    miou = []
    for row in scripts.runs:
        images = clock.time("decode for the segmenter", scripts.decode, row)
        miou.append(clock.time("segmenter", scripts.segment, images))
    pairs = itertools.combinations(scripts.runs, 2)
    lpips = [clock.time("LPIPS, all pairs", scripts.distance, *pair) for pair in pairs]
    return Side(clock.seconds, {"fid": fid, "miou": miou, "lpips": lpips}, peak_mb(clock.device))


# The suite's way


class Gallery(Method[Tensor]):
    """Hands out images that were made before; a style is the place of its image."""

    scope = "image"

    def __init__(self, job: Job) -> None:
        super().__init__()
        drawn = from_bytes(torch.from_numpy(np.array(job.fakes())).flatten(0, 1))  # [N * R, H, W, 3]
        self.images = drawn.movedim(-1, 1).to(job.device)
        keys = itertools.product(range(job.images), range(job.runs))
        self.place = {stream_seed(SEED, n, "image", run): row for row, (n, run) in enumerate(keys)}
        self.encoder = None

    def sample_style(self, layout: Layout, rngs: Any) -> Tensor:
        return torch.tensor([self.place[rng.initial_seed()] for rng in rngs])

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        return self.images[style.to(self.images.device)]


class Stored(Dataset):
    """Label maps and photos in memory."""

    spec = PAPERDOLLS
    split = "val"

    def __init__(self, job: Job) -> None:
        self.size = (job.size, job.size)
        self.photos, self.labels = job.photos(), job.labels()

    def __len__(self) -> int:
        return len(self.photos)

    def loader(self, index: int) -> Callable[[], Item]:
        return partial(self.item, index)

    def item(self, index: int) -> Item:
        labels = np.array(self.labels[index])
        return Item(f"{index:05d}", labels, labels.astype(np.int32) + 1, np.array(self.photos[index]))


class Setting:
    """What the harness offers to metrics, with the networks of this comparison."""

    num_classes, ignored_classes = 8, ()

    def __init__(self, job: Job, pairs: str) -> None:
        self.device = torch.device(job.device)
        settings = [f"repeats={job.runs}", f"lpips.groups={job.runs}", f"lpips.pairs={pairs}"]
        self.protocol = derive(PROTOCOLS["inade2021"], settings)
        self.num_layouts = job.images
        self.networks: dict[str, Any] = {"inception": folded_inception(), "alexnet": alexnet()}
        self.networks = {k: v.to(self.device, memory_format=torch.channels_last) for k, v in self.networks.items()}
        self.unet = segmenter().to(self.device, memory_format=torch.channels_last)
        self.photos: Gaussian | None = None

    def extractor(self, name: str) -> Any:
        return self.networks[name]

    def reference(self, name: str) -> Gaussian | None:
        return self.photos

    def reading(self, segmenter: str | None = None) -> Reading:
        return Reading(self.unet, tuple(range(8)), "drawn", "nan_union")


@torch.inference_mode()
def suites_way(job: Job) -> Side:
    """Run one pass for all metrics, once with ten pairs and once with all."""
    keep_freed_memory()  # as the suite's networks have it
    clock, dataset, gallery, values = Clock(torch.device(job.device)), Stored(job), Gallery(job), {}
    for part, pairs in (("pass, 10 pairs", "random10"), ("pass, all pairs", "all")):
        setting = Setting(job, pairs)
        images = torch.cat([collate([dataset[n]], 8).images for n in range(job.images)]).to(clock.device)
        network = setting.networks["inception"]
        features = clock.time("FID features of the real images, once", in_batches, network, images)
        setting.photos = photos = Moments.of(features).gaussian()
        clock.time("factor of the reference, once", lambda photos=photos: photos.factor)
        metrics = {spec.name: spec.build(setting) for spec in (FID, LPIPS, SEGMENTATION)}
        job_pass = Pass(
            method=gallery,
            dataset=dataset,
            num_layouts=job.images,
            metrics=metrics,
            seed=SEED,
            batch_size=BATCH,
            device=clock.device,
        )
        clock.time(part, lambda job_pass=job_pass: list(job_pass.run([range(job.images)], lambda _: None)))
        values |= {"miou": metrics["segmentation"].compute()["miou"], "lpips": metrics["lpips"].compute()["lpips"]}
        sums = metrics["fid"].state()
        runs = [Moments(sums["count"][run], sums["sum"][run], sums["outer"][run]) for run in range(SOLVES)]
        values["fid"] = [clock.time(f"FID solve, {part}", solved, run, photos) for run in runs]
    clock.time("inception alone", in_batches, network, gallery.images)
    clock.time("alexnet alone", in_batches, lambda batch: setting.networks["alexnet"].stages(batch)[-1], gallery.images)
    clock.time("segmenter alone", in_batches, lambda batch: setting.unet(batch, (job.size, job.size)), gallery.images)
    return Side(clock.seconds, values, peak_mb(clock.device))


def solved(moments: Moments, photos: Gaussian) -> float:
    """Compute FID from the sums of one run."""
    return frechet_distance(moments.gaussian(), photos)


def in_batches(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Run nothing but a network, in batches as the pass makes them: the floor."""
    return torch.cat([network(batch) for batch in torch.split(images, BATCH)])


# Both


def check(theirs: Side, ours: Side) -> dict[str, float]:
    """Refuse a comparison of different numbers; returns the largest relative differences."""
    differences = {
        name: float(np.max(np.abs(np.array(ours.values[name]) / np.array(theirs.values[name]) - 1)))
        for name in ("fid", "miou", "lpips")
    }
    # The square root of pytorch-fid is 3e-7 low where samples are fewer than dimensions (rounded zeros add up).
    tolerances = {"fid": 2e-5, "miou": 1e-3, "lpips": 1e-5}
    wrong = [name for name, difference in differences.items() if difference > tolerances[name]]
    if wrong:
        raise SystemExit(f"The two ways differ in {', '.join(wrong)}: {differences}")
    return differences


def price(job: Job, theirs: Mapping[str, float], ours: Mapping[str, float], images: int, runs: int) -> dict[str, Any]:
    """Price the three jobs for a number of label maps and runs, from what the parts took."""
    scale = images * runs / (job.images * job.runs)
    pairs = job.runs * (job.runs - 1) / 2
    solve = runs * theirs["FID solve"] / SOLVES
    parts = ("write PNGs", "FID features", "decode for the segmenter", "segmenter")
    lpips = images / job.images * theirs["LPIPS, all pairs"] / pairs  # one pair of runs
    all_pairs = runs * (runs - 1) / 2
    a = scale * sum(theirs[part] for part in parts) + solve + min(10, all_pairs) * lpips
    b = a + (all_pairs - min(10, all_pairs)) * lpips
    c = b + runs * images / job.images * theirs["FID features of the real images, per run"]
    factor, real = ours["factor of the reference, once"] / 2, ours["FID features of the real images, once"] / 2
    rest = runs * (ours["FID solve, pass, 10 pairs"] + ours["FID solve, pass, all pairs"]) / (2 * SOLVES) + factor
    mine = {"A": scale * ours["pass, 10 pairs"] + rest, "B": scale * ours["pass, all pairs"] + rest}
    mine["C"] = mine["B"] + real * images / job.images
    networks = scale * (ours["inception alone"] + ours["alexnet alone"] + ours["segmenter alone"])
    floor = {"A": networks, "B": networks, "C": networks + real * images / job.images}
    prices = {}
    for name, peer in (("A", a), ("B", b), ("C", c)):
        prices[name] = _compared(peer, mine[name], floor[name])
        segmenter = scale * ours["segmenter alone"]
        without = (peer - scale * theirs["segmenter"], mine[name] - segmenter, floor[name] - segmenter)
        prices[f"{name} without the segmenter's network"] = _compared(*without)
    return prices


def _compared(papers: float, suite: float, networks: float) -> dict[str, float]:
    found = {"papers": papers, "suite": suite, "networks": networks, "ratio": papers / suite}
    return {**found, "limit": papers / networks, "suite / networks": suite / networks}


def _work(connection: Any, side: Callable[[Job], Any], job: Job) -> None:
    torch.backends.cudnn.allow_tf32 = False  # GPUs: both sides' numbers shall agree; torch's default would round inputs
    connection.send(side(job))


def in_a_process(side: Callable[[Job], Any], job: Job) -> Any:
    """Run one side in a process of its own, so that its peak is its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, side, job))
    process.start()
    sender.close()
    result = receiver.recv()
    process.join()
    return result


def main() -> None:
    """Measure, check, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20, help="label maps")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    start, began = datetime.now(timezone.utc), time.perf_counter()
    device = choose_device(words.device)
    folder = Path(tempfile.mkdtemp())
    try:
        job = Job(folder, words.images, words.runs, words.size, str(device))
        make(job)
        theirs, ours = in_a_process(papers_way, job), in_a_process(suites_way, job)
        result: dict[str, Any] = {
            "images": job.images,
            "runs": job.runs,
            "size": job.size,
            "papers": asdict(theirs),
            "suite": asdict(ours),
            "largest relative differences": check(theirs, ours),
            "as measured": price(job, theirs.seconds, ours.seconds, job.images, job.runs),
            "2000 label maps x 10 runs, computed from the parts": price(job, theirs.seconds, ours.seconds, *FULL),
        }
    finally:
        shutil.rmtree(folder)
    result["provenance"] = asdict(collect(str(device), start, time.perf_counter() - began, 32))
    print(json.dumps(result, indent=1))
    if words.json:
        words.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
