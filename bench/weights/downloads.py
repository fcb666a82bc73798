"""Download of one file over HTTP; a later attempt goes on where one stopped, if the server still has the same file."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.common.errors import UserError, file_advice

TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 18
Report = Callable[[int, int], None]  # bytes that came (or were there already), bytes of the whole file or 0


def download(url: str, part: Path, report: Report) -> None:
    """Fetch `url` into `part`, whole or with an error that says how to go on; what came is kept for the next time."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            _download(url, part, report)
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            part.unlink()  # it was no beginning of this file
            _download(url, part, report)
    except (OSError, http.client.HTTPException) as error:
        if advice := file_advice(error) if isinstance(error, OSError) else None:
            raise UserError(f"Cannot write {part}: {advice}.") from error
        target = part.with_suffix("")
        kept = " Run the command again and it goes on from there." if _version_file(part).is_file() else ""
        raise UserError(
            f"Cannot fetch {url} ({error}).{kept} Or download it elsewhere and put it at {target}."
        ) from error


def discard(part: Path) -> None:
    """Delete what came of a file, so that the next attempt starts anew."""
    part.unlink(missing_ok=True)
    _version_file(part).unlink(missing_ok=True)


def finish(part: Path, target: Path) -> None:
    """Move a whole file to its place."""
    part.replace(target)
    discard(part)


def _version_file(part: Path) -> Path:
    """The file beside `part` with the server's name (ETag or date) of the version that `part` is the beginning of."""
    return part.with_name(f"{part.name}.version")


def _download(url: str, part: Path, report: Report) -> None:
    version = _version_file(part)
    request = urllib.request.Request(url)
    start = part.stat().st_size if part.is_file() and version.is_file() else 0
    if start:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", version.read_text(encoding="utf-8"))
    with urllib.request.urlopen(request, timeout=TIMEOUT) as source:
        first = _first_byte(source)
        if first not in (0, start):
            raise ConnectionError(f"the server was asked for the bytes from {start} on and sent others")
        if first == 0:
            discard(part)
            if name := source.headers.get("ETag") or source.headers.get("Last-Modified"):
                version.write_text(name, encoding="utf-8")
        length = int(source.headers.get("Content-Length", 0))
        total = first + length if length else 0
        report(first, total)
        with part.open("ab") as file:
            while block := source.read(BLOCK):
                file.write(block)
                report(len(block), total)
    size = part.stat().st_size
    if total and size != total:
        raise ConnectionError(f"the connection ended after {size} of {total} bytes")


def _first_byte(source: http.client.HTTPResponse) -> int:
    """The place in the file of the first byte sent: 0 from a server that knows no ranges, -1 if it does not say."""
    if source.status != http.client.PARTIAL_CONTENT:
        return 0
    sent = re.match(r"bytes (\d+)-", source.headers.get("Content-Range", ""))
    return int(sent.group(1)) if sent else -1
