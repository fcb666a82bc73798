"""Print how many items a second are read by this process, by threads and by other processes.

`python tests/benchmarks/loading.py --items 400 --workers 0 1 2`. The files are made for it, as large as COCO-Stuff's:
photos of 640x480 as JPEG, label and instance maps as PNG, read to 256x256. Paperdolls are drawn and not read, by code
that often holds the interpreter's lock. `a core` divides by the threads or processes that read. Workers are up and have
read before the clock runs; `start` is how long the first was in coming up, in which this process reads on. With
`--busy 5` this process computes for 5 ms after every item, as one does that launches a network's kernels. Every number
is the best of `--repeats`, in turns, as other programs can only slow it down.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from bench.common.workers import AHEAD, _team, done_ahead
from bench.datasets.base import Dataset, Item
from bench.datasets.coco_stuff import open_coco_stuff
from bench.datasets.paperdolls.dataset import open_paperdolls
from bench.datasets.parts.folders import FolderDataset

Task = Callable[[], Item]


def make_tree(root: Path, items: int, different: int = 50) -> FolderDataset:
    """Write smooth photos with some noise, which compress as photos do, and label maps of a few large areas."""
    rng = np.random.default_rng(0)
    for number in range(items):
        if number < different:
            smooth = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((640, 480), 3)
            photo = np.asarray(smooth) * 0.8 + rng.normal(20, 8, (480, 640, 3))
            areas = rng.integers(0, 182, (6, 8), np.uint8).repeat(80, 0).repeat(80, 1)
            areas[:, rng.integers(0, 640, 40)] = 255
            pictures = {"img": photo.clip(0, 255).astype(np.uint8), "label": areas, "inst": areas // 2}
        for kind, pixels in pictures.items():
            path = root / "coco-stuff" / f"val_{kind}" / f"{number:012d}.{'jpg' if kind == 'img' else 'png'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if number < different:
                Image.fromarray(pixels).save(path, quality=90)
            else:
                os.link(path.with_stem(f"{number % different:012d}"), path)
    return open_coco_stuff("val", root)


def by_threads(tasks: Sequence[Task], workers: int) -> Iterator[Item]:
    """Read ahead with threads, as far as `done_ahead` does with processes."""
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(task) for task in tasks[:AHEAD])
        for task in tasks[AHEAD:]:
            yield waiting.popleft().result()
            waiting.append(pool.submit(task))
        yield from (future.result() for future in waiting)


def rate(items: Iterator[Item], busy: float) -> float:
    """Count the items of a second, where each is followed by so many seconds of work of the interpreter."""
    start, count = time.perf_counter(), 0
    for _ in items:
        count += 1
        begun = time.thread_time()
        while time.thread_time() - begun < busy:
            pass
    return count / (time.perf_counter() - start)


def warmed_up(dataset: Dataset, workers: int) -> float:
    """Wait until all workers have read something; returns the seconds until the first one had."""
    start = time.perf_counter()
    while not _team(workers).is_up:
        time.sleep(0.005)
    seconds = time.perf_counter() - start
    list(done_ahead([dataset.loader(0)] * 64, workers))
    return seconds


def compare(dataset: Dataset, items: int, workers: int, busy: float, repeats: int) -> None:
    """Print a line for every way to read."""
    start = warmed_up(dataset, workers) if workers else 0.0
    tasks = [dataset.loader(index) for index in range(items)]
    ways = {"threads": by_threads, "processes": done_ahead} if workers else {"this process": done_ahead}
    found: dict[str, float] = {}
    for _ in range(repeats):
        for way, read in ways.items():
            found[way] = max(found.get(way, 0.0), rate(read(tasks, workers), busy))
    for way, best in found.items():
        up = f", up after {start:.2f} s" if way == "processes" else ""
        title = f"{workers or ''} {way}".strip()
        print(f"{dataset.name:12} {title:12} {best:6.0f} items/s, {best / max(1, workers):5.0f} a core{up}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--busy", type=float, default=0.0, help="milliseconds")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for dataset in (make_tree(Path(folder), chosen.items), open_paperdolls("train")):
            for workers in chosen.workers:
                compare(dataset, chosen.items, workers, chosen.busy / 1000, chosen.repeats)


if __name__ == "__main__":
    main()
