"""The records of a study: loose files while it runs, an archive at rest, read as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.common.arrays import Arrays, read_arrays, write_arrays
from bench.common.errors import UserError
from bench.common.files import write_text
from bench.common.places import COSTS
from bench.results.archive import Archive
from bench.results.records import Record

ON_RECORD = (Path("results/records"), COSTS)  # where to look if nobody says: what was run here, and the suite's own


class RecordStore:
    """A folder OUT that `bench run` writes to: OUT/records/<key>.json, and the archive that `bench pack` makes of them.

    Only loose files are written, so that jobs that run at once never share one; they count before what is packed.
    """

    def __init__(self, folder: Path, loose: Path | None = None) -> None:
        self.folder = folder
        self.loose = loose or folder / "records"
        self.archive = Archive(folder)

    def path(self, key: str) -> Path:
        """Name the file of a loose record; its tables are in the npz beside it."""
        return self.loose / f"{key}.json"

    def __contains__(self, key: str) -> bool:
        return self.path(key).is_file() or key in self.archive.records()

    def __getitem__(self, key: str) -> Record:
        path = self.path(key)
        return _read(path) if path.is_file() else self.archive.records()[key]

    def __iter__(self) -> Iterator[Record]:
        """Read all records in the order of their keys."""
        packed, loose = self.archive.records(), set(self.loose_keys())
        for key in sorted(packed.keys() | loose):
            yield _read(self.path(key)) if key in loose else packed[key]

    def loose_keys(self) -> list[str]:
        """List the records that are not at rest."""
        return sorted(path.stem for path in self.loose.glob("*.json"))

    def tables(self, key: str) -> Arrays:
        """Read the tables that a record was made of, none where nothing was kept."""
        return _read_tables(self.path(key)) or self.archive.tables().get(key, {})

    def add(self, record: Record, tables: Arrays | None = None) -> None:
        """Write a record whole, in place of one with the same key, after the tables it was made of."""
        if tables:
            write_arrays(_tables_beside(self.path(record.key)), tables)
        write_text(self.path(record.key), record.to_json())

    def pack(self) -> tuple[int, int]:
        """Put all records into the archive and remove the loose files; return how many there are and were loose.

        The archive is written first, so that whatever stops this leaves every record at least once.
        """
        loose, records = self.loose_keys(), list(self)
        if not records:
            raise _nothing_in(self.folder)
        tables: dict[str, Arrays] = {key: kept for key, kept in self.archive.tables().items() if key in self}
        tables |= {key: kept for key in loose if (kept := _read_tables(self.path(key)))}
        self.archive.write(records, tables)
        for path in map(self.path, loose):
            _tables_beside(path).unlink(missing_ok=True)
            path.unlink()
        if self.loose.is_dir() and not any(self.loose.iterdir()):
            self.loose.rmdir()
        return len(records), len(loose)


def store_of(folder: Path) -> RecordStore:
    """Find the records of a folder that somebody names: a study, its folder `records`, or any folder of loose files."""
    if folder.name == "records":
        return RecordStore(folder.parent)
    study = RecordStore(folder)
    return study if study.archive.exists() or study.loose.is_dir() else RecordStore(folder, loose=folder)


def read_records(folders: Iterable[Path], *, needed: bool = False) -> list[Record]:
    """Read the records of several folders, of which the first that has one counts.

    `needed` refuses a folder without any.
    """
    merged: dict[str, Record] = {}
    for folder in reversed(list(folders)):
        found = {record.key: record for record in store_of(folder)}
        if needed and not found:
            raise _nothing_in(folder)
        merged |= found
    return list(merged.values())


def _nothing_in(folder: Path) -> UserError:
    return UserError(f"{folder}: no records in this folder; name one that `bench run` wrote to.")


def _read(path: Path) -> Record:
    try:
        record = Record.from_json(path.read_text(encoding="utf-8"))
        if record.key != path.stem:
            raise ValueError(f"it holds the key '{record.key}'")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} is not a record of this suite ({error}): move it away or delete it, then run again."
        ) from error
    return record


def _tables_beside(path: Path) -> Path:
    return path.with_suffix(".npz")


def _read_tables(record: Path) -> Arrays:
    path = _tables_beside(record)
    if not path.is_file():
        return {}
    try:
        return read_arrays(path)
    except ValueError as error:
        raise UserError(f"{path} does not hold tables of a record ({error}): delete both, then run again.") from error
