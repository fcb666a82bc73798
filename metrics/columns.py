"""The columns of all metrics, each written once, in the order tables print them; importing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", ""]  # "" = neither, such as a setting or a name
ARROWS: dict[Better, str] = {"higher": "↑", "lower": "↓", "": ""}


@dataclass(frozen=True)
class Column:
    """One kind of number, as a table shows it."""

    key: str
    title: str
    better: Better
    decimals: int
    unit: str = ""

    @property
    def head(self) -> str:
        """Title, unit and arrow."""
        unit = f"({self.unit})" if self.unit else ""
        return " ".join(part for part in (self.title, unit, ARROWS[self.better]) if part)


COLUMNS = (
    Column("fid", "FID", "lower", 2),
    Column("fid_infinity", "FID-inf", "lower", 2),
    Column("kid", "KID", "lower", 5),
    Column("kid_all", "KID (all)", "lower", 5),
    Column("is", "IS", "higher", 3),
    Column("precision", "Precision", "higher", 3),
    Column("recall", "Recall", "higher", 3),
    Column("density", "Density", "higher", 3),
    Column("coverage", "Coverage", "higher", 3),
    Column("lpips", "LPIPS", "higher", 4),
    Column("lpips_photo", "LPIPS to photo", "lower", 4),
    Column("mcsd", "mCSD", "higher", 4),
    Column("mocd", "mOCD", "lower", 4),
    Column("misd", "mISD", "higher", 4),
    Column("moid", "mOID", "lower", 4),
    Column("miou", "mIoU", "higher", 2, "%"),
    Column("acc", "Acc", "higher", 2, "%"),
    Column("fid_pd", "FID-pd", "lower", 3),
    Column("kid_pd", "KID-pd", "lower", 5),
    Column("kid_all_pd", "KID-pd (all)", "lower", 5),
    Column("precision_pd", "Precision-pd", "higher", 3),
    Column("recall_pd", "Recall-pd", "higher", 3),
    Column("density_pd", "Density-pd", "higher", 3),
    Column("coverage_pd", "Coverage-pd", "higher", 3),
    Column("lpips_pd", "LPIPS-pd", "higher", 4),
    Column("mcsd_pd", "mCSD-pd", "higher", 4),
    Column("mocd_pd", "mOCD-pd", "lower", 4),
    Column("misd_pd", "mISD-pd", "higher", 4),
    Column("moid_pd", "mOID-pd", "lower", 4),
    Column("miou_pd", "mIoU-pd", "higher", 2, "%"),
    Column("acc_pd", "Acc-pd", "higher", 2, "%"),
    Column("params_m", "Params", "lower", 2, "M"),
    Column("gmacs", "MACs", "lower", 2, "G"),
    Column("gmacs_paper", "FLOPs (INADE paper)", "lower", 2, "G"),
    Column("seconds", "Time", "lower", 4, "s"),
    Column("memory_mb", "Memory", "lower", 0, "MB"),
    Column("joules", "Energy", "lower", 2, "J"),
    # What `bench profile` counts besides.
    Column("params_with_encoder_m", "Params with encoder", "lower", 2, "M"),
    Column("params_leaf_m", "Params in leaf modules", "", 2, "M"),
    Column("gflops", "FLOPs", "lower", 2, "G"),
    Column("gmacs_einsum", "MACs in einsums", "", 2, "G"),
)
_BY_KEY = {column.key: column for column in COLUMNS}


def columns(*keys: str) -> tuple[Column, ...]:
    """Look up columns by their keys."""
    return tuple(_BY_KEY[key] for key in keys)
