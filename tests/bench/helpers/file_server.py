"""A server for the tests of downloads, and what it serves."""

import hashlib
import http.server

CONTENT = b"PK" + bytes(range(256)) * 2000  # more than one block
OTHER = b"PK" + bytes(reversed(range(256))) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = 300_000  # bytes after which a first answer ends


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve what the test put in place, by the rules of its name."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        content, version = self.server.content, self.server.version
        if self.path == "/absent.pth":
            self.send_error(404)
            return
        whole = not asked or self.path == "/ignores.pth" or self.headers.get("If-Range") != version
        start = 0 if whole else int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(200 if whole else 206)
        if not whole:
            first = start + 1 if self.path == "/shifted.pth" else start
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if version:
            self.send_header("ETag", version)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = whole and self.path != "/good.pth" and len(self.server.requests) == 1
        self.wfile.write(content[start : CUT if cut else None])

    def log_message(self, *_):
        pass


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
