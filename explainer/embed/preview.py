"""A live preview: the page of a spec in the browser, worked anew whenever the spec or its data change.

It is for the person at this machine alone: it listens on the loopback address, answers to that name only (another site's
page could otherwise reach it under a name of its own), serves two addresses and no files, and writes no more than the
cache of pages.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .core import Place, Style, embedded, templates_in

HOST = "127.0.0.1"
INTERVAL = 0.3  # seconds between two looks at the files
PATIENCE = 20.0  # seconds that the browser's question after a newer page is left open

RELOADING = """
<script>
(async () => {
  for (;;) {
    try {
      const answer = await fetch("/newer?than=%d");
      if (answer.status === 200) return location.reload();
      if (answer.status === 204) continue;
    } catch {}
    await new Promise(resolve => setTimeout(resolve, 1000));
  }
})();
</script>
"""
FAULTY = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; padding: 0 1rem; color-scheme: light dark }}
pre {{ white-space: pre-wrap; border-left: 0.3rem solid #c01c28; padding: 0.5rem 1rem }}
</style></head><body><h1>{title}</h1>
{lines}
</body></html>
"""

Stamp = dict[Path, tuple[int, int]]  # of each file: when it was changed, and its size


class Preview:
    """The page as it is now. `version` goes up with every new one; `changed` is told then.

    It begins with the time, so that a browser which was left open takes the page of the next preview for a newer one.
    """

    def __init__(
        self, spec: Path, options: Mapping[str, Any], report: Callable[[str], None], templates: str = ""
    ) -> None:
        self.place = Place(str(spec), spec)
        self.options, self.report = options, report
        self.style = Style("html", templates=templates)
        self.changed = threading.Condition()
        self.version, self.page = int(time.time()), ""
        self.spec = spec
        self.files: tuple[Path, ...] = ()
        self.stamp: Stamp = {}
        self.look()

    def look(self) -> None:
        """Works the page anew if one of its files has changed."""
        stamp = stamp_of(self.watched)
        if stamp == self.stamp:
            return
        start = time.monotonic()
        found = embedded(self.place, self.options, self.style)
        self.files = found.files
        self.stamp = {path: stamp.get(path, now) for path, now in stamp_of(self.watched).items()}  # not what came since
        for fault in found.faults:
            self.report(str(fault))
        if not found.faults:
            self.report(f"{self.place.file}: worked in {time.monotonic() - start:.2f} s")
        lines = "\n".join(f"<pre>{escape(str(fault))}</pre>" for fault in found.faults)
        page = found.text or FAULTY.format(title=escape(Path(self.place.file).name), lines=lines)
        with self.changed:
            self.version += 1
            self.page = page.replace("</body>", f"{RELOADING % self.version}</body>")
            self.changed.notify_all()

    @property
    def watched(self) -> tuple[Path, ...]:
        """The files that the page depends on."""
        return (self.spec, *templates_in(self.style.templates), *self.files)

    def newer(self, than: int) -> bool:
        """Whether there is a newer page than that one, now or soon."""
        with self.changed:
            return self.changed.wait_for(lambda: self.version != than, PATIENCE)


def stamp_of(files: tuple[Path, ...]) -> Stamp:
    found: Stamp = {}
    for file in files:
        try:
            stat = file.stat()
            found[file] = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            found[file] = (0, -1)
    return found


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, preview: Preview, port: int) -> None:
        self.preview = preview
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            found = f"port {port} cannot be used ({error.strerror})"
            raise OutputError(f"{preview.place.file}:1:1: {found}; choose another with --port") from None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is nobody's fault."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def names(self) -> set[str]:
        """The names under which a browser may ask."""
        port = "" if self.server_port == 80 else f":{self.server_port}"  # as browsers leave it out
        return {f"{host}{port}" for host in (HOST, "localhost")}


class Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "explainer", ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if self.headers.get("Host") not in self.server.names:
            self.answer(403, "this preview answers to its own address only")
        elif path == "/":
            self.answer(200, self.server.preview.page, "text/html")
        elif path == "/newer" and re.fullmatch("than=[0-9]{1,15}", query):
            self.answer(200 if self.server.preview.newer(int(query.removeprefix("than="))) else 204, "")
        else:
            self.answer(404, "there is one page, at /")

    def answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are nobody's concern."""


def serve(
    spec: Path, options: Mapping[str, Any], port: int, report: Callable[[str], None], templates: str = ""
) -> None:
    """Show the page of a spec until Ctrl-C, or until the process is told to end; also while a page is worked."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        preview = Preview(spec, options, report, templates)
        with Server(preview, port) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            report(f"http://{HOST}:{server.server_port}/ shows {spec}; stop with Ctrl-C")
            try:
                while True:
                    time.sleep(INTERVAL)
                    preview.look()
            finally:
                server.shutdown()
    except KeyboardInterrupt:
        report("stopped")
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
