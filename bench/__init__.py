"""The suite from a program: measure methods, read records, list what there is.

    import bench

    table = bench.measure(methods=["truth", "inade"], dataset="paperdolls2", limit=20)

These are the measurements, records and files of `bench run`. Importing this module costs nothing: what a function
needs is imported when it is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from bench.results.records import Preset, Record

__all__ = ["frame", "list_methods", "measure"]


def measure(
    methods: str | Sequence[str],
    dataset: str | Sequence[str],
    *,
    metrics: str | Sequence[str] = (),
    protocol: str | None = None,
    settings: Sequence[str] = (),
    preset: Preset | None = None,
    repeats: int | None = None,
    limit: int | None = None,
    seed: int = 0,
    untrained: bool = False,
    weights: Mapping[str, Path | str] | None = None,
    out: Path | str = "results",
    data_root: Path | str | None = None,
    weights_root: Path | str | None = None,
    device: str = "auto",
    batch_size: int = 32,
    num_workers: int = 0,
    allow_unknown_weights: bool = False,
    save_images: Path | str | None = None,
    fresh: bool = False,
) -> pd.DataFrame:
    """Measure methods on data sets, as `bench run` does, and return one line per number.

    What is on record in `out` is not measured again unless `fresh`; a call that was interrupted goes on where it was.
    Progress shows in a terminal and in a notebook. A number that cannot be measured is a line without a value and
    with the reason.

    Args:
        methods: Names of methods, see `bench.list_methods()`.
        dataset: Names of data sets.
        metrics: Names of metrics; none given: all that the data set allows.
        protocol: A named protocol; none given: mini on paperdolls, else inade2021.
        settings: Changed choices of the protocol, such as "fid.real_split=val".
        preset: Network sizes, "tiny" or "paper"; none given: tiny on paperdolls, else paper.
        repeats: Runs with other noise; none given: the protocol's.
        limit: The first label maps only; every line then says so.
        seed: Start of every random stream.
        untrained: Random weights, to try things out; every line then says so.
        weights: Method -> weight file, such as one of `bench train`.
        out: Folder of the records.
        data_root: Folder of the data sets; none given: $BENCH_DATA, or data.
        weights_root: Folder of weight files; none given: $BENCH_WEIGHTS, or weights.
        device: "cpu", "cuda", "cuda:1", "mps"; "auto" is the first GPU, else the CPU.
        batch_size: Images per call of a generator; it changes speed and memory, not the numbers.
        num_workers: Processes that read data ahead; 0 reads in this one.
        allow_unknown_weights: Accept feature networks with an unknown hash; the records say so.
        save_images: Folder that every image goes to as PNG.
        fresh: Measure again what is on record.

    Raises:
        bench.common.errors.UserError: A name is not known, or something is missing; it says what, and the way out.
    """
    from bench.common.progress import Reporter, progress_bar
    from bench.evaluation.measure import Session
    from bench.evaluation.plan import Request
    from bench.weights.known import default_root

    request = Request(
        methods=_listed(methods),
        datasets=_listed(dataset),
        metrics=_listed(metrics),
        protocol=protocol,
        settings=settings,
        preset=preset,
        repeats=repeats,
        limit=limit,
        seed=seed,
        untrained=untrained,
        weights={name: Path(path) for name, path in (weights or {}).items()},
    )
    session = Session(
        out=Path(out),
        data_root=None if data_root is None else Path(data_root),
        weights_root=default_root() if weights_root is None else Path(weights_root),
        device=device,
        batch_size=batch_size,
        num_workers=num_workers,
        allow_unknown_weights=allow_unknown_weights,
        save_images=None if save_images is None else Path(save_images),
    )
    cells = session.plan(request)
    with progress_bar() as progress:
        return frame(session.measure(cells, Reporter(progress), fresh=fresh))


def frame(source: Path | str | Iterable[Record] = "results") -> pd.DataFrame:
    """Read records, or those of a folder that `bench run` wrote to, into a DataFrame with one line per number."""
    from bench.results.frames import frame

    return frame(source)


def list_methods() -> dict[str, str]:
    """Name every method, with one line about it, in the order that tables print them."""
    from bench.common.catalog import methods

    return {name: entry[-1] for name, entry in methods().items()}


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    """Names as a program or a command line gives them: a sequence, or one text with commas between them."""
    return tuple(name.strip() for name in names.split(",") if name.strip()) if isinstance(names, str) else tuple(names)
