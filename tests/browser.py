"""A real browser for the tests: Chromium without a window, spoken to in its DevTools protocol over a pipe.

No driver and no package is needed, only a Chromium on the PATH: `find()` says where, or None. POSIX alone, as the pipe
is. The protocol is at https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync
--disable-component-update --disable-extensions --disable-dev-shm-usage --mute-audio --hide-scrollbars
--force-color-profile=srgb --remote-debugging-pipe
""".split()  # noqa: SIM905


def find() -> str | None:
    """The path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None) if os.name == "posix" else None


class Browser:
    """One tab. `errors` holds what its pages complained of since they were opened."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._held = b""  # what was read of the next message
        self._number = 0
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers to one command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self._to, text) :]
        while True:
            found = self._read()
            if found.get("id") == self._number:
                assert "error" not in found, (method, found["error"])
                return dict(found["result"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._held:
            more = os.read(self._back, 1 << 20)
            assert more, "the browser has gone"
            self._held += more
        text, _, self._held = self._held.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        self._events.append({"method": found.get("method"), "params": found.get("params")})
        method, params = found.get("method"), found.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(str(params["entry"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(str(params["args"]))
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "about:")):
            self.errors.append(f"asked for {params['request']['url']}")
        return found

    def open(self, path: Path, width: int = 1280, height: int = 800, scripts: bool = True, **media: str) -> None:
        """Load a page of a file. `media` are features as CSS has them, with _ for -: prefers_color_scheme="dark"."""
        self.errors.clear()
        self("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.resize(width, height)
        self.emulate(**media)
        self._events.clear()
        self("Page.navigate", url="about:blank")
        self._until("Page.loadEventFired")
        self("Page.navigate", url=path.resolve().as_uri())
        self._until("Page.loadEventFired")

    def resize(self, width: int, height: int = 800) -> None:
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def emulate(self, medium: str = "", **media: str) -> None:
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self("Emulation.setEmulatedMedia", media=medium, features=features)

    def _until(self, method: str) -> None:
        while not any(event["method"] == method for event in self._events):
            self._read()
        self._events.clear()

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        found = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = 10) -> None:
        """Until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"!!({condition})"):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Keys one after the other: Tab, Shift+Tab, Enter, Escape, ArrowRight, Space, ..."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "PageUp": 33, "PageDown": 34}
        codes |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        for key in keys:
            name = key.removeprefix("Shift+")
            text = {"Enter": "\r", "Space": " "}.get(name, "")
            event = {
                "key": " " if name == "Space" else name,
                "code": name,
                "windowsVirtualKeyCode": codes[" " if name == "Space" else name],
                "modifiers": 8 if name != key else 0,
            }
            self("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
            self("Input.dispatchKeyEvent", type="keyUp", **event)

    def point(self, selector: str, click: bool = False) -> None:
        """The mouse to the middle of an element, and a click there."""
        box = self.run(
            f"(async () => {{const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]})()"
        )
        self("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
        for kind in ("mousePressed", "mouseReleased") if click else ():
            self("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def screenshot(self, path: Path, **clip: float) -> None:
        """A picture of what is seen, or of a part of the page: x, y, width, height."""
        more = {"clip": {"scale": 1, **clip}, "captureBeyondViewport": True} if clip else {}
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot", format="png", **more)["data"]))

    def pdf(self) -> bytes:
        """The page printed on A4."""
        return base64.b64decode(
            self("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)["data"]
        )

    def names(self) -> list[dict[str, Any]]:
        """The nodes of the accessibility tree that are not passed over."""
        return [node for node in self("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]


def plug(commands: int, answers: int) -> None:
    os.dup2(commands, 3)
    os.dup2(answers, 4)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium of its own, gone at the end."""
    program = find()
    assert program, "no Chromium on the PATH"
    (reading, to), (back, writing) = os.pipe(), os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (reading, writing)]
    os.close(reading)
    os.close(writing)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        running = subprocess.Popen(
            [program, f"--user-data-dir={folder}", *QUIET],
            pass_fds=(3, 4),  # where it reads commands and answers
            preexec_fn=lambda: plug(*high),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in high:
            os.close(end)
        found = None
        try:
            found = Browser(to, back)
            yield found
        finally:
            if found:
                with contextlib.suppress(AssertionError, OSError):
                    found._session = None
                    found("Browser.close")
            running.terminate()
            running.wait(30)
            os.close(to)
            os.close(back)
