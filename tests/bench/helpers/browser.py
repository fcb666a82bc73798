"""A page in a real browser, over the pipe that Chromium speaks its debugging protocol on; needs no package."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--disable-dev-shm-usage")

# The browser reads from 3 and writes to 4; by way of high numbers, as either end of a pipe may itself be 3 or 4.
AT_3_AND_4 = """if True:
    import os, sys
    for place, name in ((103, 1), (104, 2)):
        os.dup2(int(sys.argv[name]), place)
    os.dup2(103, 3), os.dup2(104, 4)
    os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page; every message of the console and every request is kept."""

    def __init__(self, profile: str) -> None:
        to_browser, self.write = os.pipe()
        self.read, from_browser = os.pipe()

        command = [sys.executable, "-c", AT_3_AND_4, str(to_browser), str(from_browser), CHROMIUM or "", *SWITCHES]
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.rest, self.count, self.session = b"", 0, ""
        self.loaded = False
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def open(self, path: Path) -> None:
        self.loaded = False
        self.ask("Page.navigate", url=path.as_uri())
        while not self.loaded:
            self._hear(self._message())

    def ask(self, method: str, **words):
        self.count += 1
        message = {"id": self.count, "method": method, "params": words}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._message()).get("id") != self.count:
            self._hear(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def run(self, script: str):
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False, media: str = "screen") -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def picture(self, path: Path, *, whole: bool = True) -> None:
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _message(self) -> dict:
        end = time.monotonic() + 30
        while b"\0" not in self.rest:
            if not select.select([self.read], [], [], max(end - time.monotonic(), 0))[0]:
                raise TimeoutError("the browser says nothing")
            if not (more := os.read(self.read, 1 << 16)):
                raise EOFError("the browser has gone")
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def _hear(self, event: dict) -> None:
        words = event.get("params", {})
        match event.get("method"):
            case "Page.loadEventFired":
                self.loaded = True
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded":
                self.errors.append(json.dumps(words))
            case "Network.requestWillBeSent":
                self.requests.append(words["request"]["url"])


@contextlib.contextmanager
def browser():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        opened = Browser(profile)
        try:
            yield opened
        finally:
            opened.process.terminate()
            opened.process.wait(timeout=20)
            os.close(opened.read)
            os.close(opened.write)
