"""The site of the leaderboards, shown to browsers of this machine.

A server knows the files that it was given, by address, and nothing else: there are no listings, and
no path leads anywhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any, Final
from urllib.parse import quote, unquote

from nasbench_suite.cli.leaderboard import make_site
from nasbench_suite.core import InvalidSetting

_HOST: Final = "127.0.0.1"
_FRONT: Final = "index.html"
_LAST_PORT: Final = 65535
_TYPES: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".toml": "text/plain; charset=utf-8",
}
_UNKNOWN: Final = "application/octet-stream"
_SAVED: Final = ("application/gzip", _UNKNOWN)
"""What a browser is to save, and not to show."""


class Server(ThreadingTCPServer):
    """Shows files at 127.0.0.1, and nowhere else; the port is taken when it is made.

    `files` says what lies at which address, such as `/small/index.html`; it is empty at first.
    """

    # A port is free again at once when a server has ended, and never shared with another.
    allow_reuse_address = True
    allow_reuse_port = False
    daemon_threads = True

    def __init__(self, port: int) -> None:
        """Take a port; 0 means any that is free.

        Raises:
            InvalidSetting: it is no port, another program has it, or only the system may have it.
        """
        if not 0 <= port <= _LAST_PORT:
            raise InvalidSetting(f"--port is {port}: give one from 1 to {_LAST_PORT}, or 0 for any")
        self.files: Mapping[str, Path] = {}
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error})"
            raise InvalidSetting(
                f"port {port} {why}: name another by --port, or --port 0 for any that is free"
            ) from None

    @property
    def address(self) -> str:
        """Where a browser finds the front page."""
        return f"http://{_HOST}:{self.server_address[1]}/"

    def show(self, folder: Path, files: Sequence[Path]) -> None:
        """Show files of a folder, at addresses that are their paths within it."""
        self.files = {f"/{path.relative_to(folder).as_posix()}": path for path in files}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong; that a browser went away is nothing wrong."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers a request with one of the server's files."""

    server: Server
    timeout = 30.0
    """Seconds that a browser may take to say what it wants."""

    def do_GET(self) -> None:
        data = self._head()
        if data is not None:
            self.wfile.write(data)

    def do_HEAD(self) -> None:
        self._head()

    def log_message(self, *_: Any) -> None:
        """Be silent."""

    def _head(self) -> bytes | None:
        """Send what comes before a file, and return the file; None where there is none."""
        asked = unquote(self.path.partition("?")[0].partition("#")[0])
        files = self.server.files
        if f"{asked}/{_FRONT}" in files:
            # Links of a page are relative to its folder, whose address ends with a slash.
            self._send(HTTPStatus.MOVED_PERMANENTLY, {"Location": quote(f"{asked}/")})
            return None
        path = files.get(f"{asked}{_FRONT}" if asked.endswith("/") else asked)
        try:
            data = path.read_bytes() if path is not None else None
        except OSError:
            data = None
        if path is None or data is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        kind = _TYPES.get(path.suffix, _UNKNOWN)
        headers = {"Content-Type": kind, "Content-Length": str(len(data))}
        if kind in _SAVED:
            headers["Content-Disposition"] = "attachment"
        self._send(HTTPStatus.OK, headers)
        return data

    def _send(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        # Another site may be shown at this address tomorrow.
        always = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        self.send_response(status)
        for name, value in {**headers, **always}.items():
            self.send_header(name, value)
        self.end_headers()


def serve(given: argparse.Namespace) -> None:
    """Build the site, and show it until Ctrl-C or the system ends it."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_interruptible())
        # A port that is taken is said before anything is computed.
        server = stack.enter_context(Server(given.port))
        folder = given.out
        if folder is None:
            made = tempfile.TemporaryDirectory(prefix="nasbench-site-")
            folder = Path(stack.enter_context(made))
        server.show(folder, make_site(given, folder))
        # From here on Ctrl-C is the way to end, and no interruption.
        with contextlib.suppress(KeyboardInterrupt):
            if given.json:
                # One line, since whoever reads it cannot wait for an end.
                print(json.dumps({"address": server.address}), flush=True)
            else:
                print(f"{server.address} shows the leaderboards; Ctrl-C ends it", flush=True)
            server.serve_forever()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let the signals that end a process do what Ctrl-C does, so that what is temporary goes."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    ends = (signal.SIGTERM, signal.SIGHUP)
    before = {end: signal.getsignal(end) for end in ends}
    # What ignores them, as `nohup` does, still ignores them.
    changed = [end for end in ends if before[end] == signal.SIG_DFL]
    for end in changed:
        signal.signal(end, interrupt)
    try:
        yield
    finally:
        for end in changed:
            signal.signal(end, before[end])
