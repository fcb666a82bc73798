"""Pictures inside a page: photos as data URIs, in grids with a head for every row and column."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from bench.common.errors import UserError

LARGEST = 2 << 20  # bytes of a file that a page takes in
FORMATS = ("PNG", "WEBP")


@dataclass(frozen=True)
class Picture:
    """One image, as a page holds it."""

    uri: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class PictureRow:
    """The images of one method."""

    title: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class PictureGrid:
    """Rows of images under common heads."""

    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[PictureRow, ...]


@dataclass(frozen=True)
class Gallery:
    """All pictures of a page, and a sentence for each that had to be left out."""

    grids: tuple[PictureGrid, ...] = ()
    files: tuple[Picture, ...] = ()
    left_out: tuple[str, ...] = ()


def files_of(folder: Path) -> Gallery:
    """Take in the PNG and WebP files of a folder, such as `bench sample` writes; the names become captions."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; --pictures names one that holds PNG or WebP files.")
    files, left_out = [], []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in (".png", ".webp") or not path.is_file():
            continue
        if path.stat().st_size > LARGEST:
            left_out.append(f"{path.name} is larger than {LARGEST >> 20} MB.")
            continue
        files.append(_file(path))
    if not files and not left_out:
        left_out.append(f"The folder {folder.name} holds no PNG or WebP file.")
    return Gallery(files=tuple(files), left_out=tuple(left_out))


def _file(path: Path) -> Picture:
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            form, (width, height) = (image.format or "").lower(), image.size
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not a PNG or WebP image ({error}); move it out of the folder.") from error
    return Picture(data_uri(form, content), path.stem, width, height)


def data_uri(form: str, content: bytes) -> str:
    """Write the content of an image file as text that a page can hold."""
    return f"data:image/{form};base64,{base64.b64encode(content).decode()}"
