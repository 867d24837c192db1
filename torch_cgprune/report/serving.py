"""A review served to the browsers of this machine alone, by the standard library."""

from __future__ import annotations

import hmac
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from torch_cgprune.report.review import Review

HOST = "127.0.0.1"
# Bytes of a request: decisions on 20,000 examples take less than half of that.
_LONGEST = 2_000_000


class ReviewServer(ThreadingHTTPServer):
    """Serves a review under a secret address of this machine.

    Whoever does not know the address gets nothing, nor does a page of another origin that a
    browser has open, however its name resolves. There is no path into the file system.

    Args:
        review: what is served.
        port: to listen on; 0 takes a free one.

    Attributes:
        address: to open in a browser.

    Raises:
        OSError: the port is taken.

    """

    daemon_threads = True

    def __init__(self, review: Review, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.review, self.token = review, secrets.token_urlsafe(24)
        self.hosts = tuple(f"{name}:{self.server_port}" for name in (HOST, "localhost"))
        self.address = f"http://{self.hosts[0]}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    server_version, sys_version = "torch-cgprune", ""

    def do_GET(self) -> None:
        """Answer with the page or a picture."""
        part = self._part()
        if part is None:
            return
        if part == "":
            self._send(self.server.review.page(), "text/html; charset=utf-8")
            return
        kind, _, number = part.partition("/")
        found = None
        if kind == "picture" and number.isascii() and number.isdecimal() and len(number) < 12:
            found = self.server.review.picture(int(number))
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self._send(found, "image/webp")

    def do_POST(self) -> None:
        """Take decisions."""
        part = self._part()
        if part is None:
            return
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.server.hosts}:
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        length = self.headers.get("Content-Length", "")
        if part != "decisions" or not length.isdecimal() or int(length) > _LONGEST:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        try:
            self.server.review.change(json.loads(self.rfile.read(int(length))))
        except (TypeError, ValueError) as error:
            self._send(str(error).encode(), "text/plain; charset=utf-8", HTTPStatus.BAD_REQUEST)
        except OSError as error:
            why = str(error).encode("utf-8", "replace")
            self._send(why, "text/plain; charset=utf-8", HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            self._send(b"", "text/plain; charset=utf-8")

    def _part(self) -> str | None:
        """Return the path below the secret; None where the request is refused."""
        empty, token, *rest = [*self.path.split("/", 2), ""]
        known = hmac.compare_digest(token.encode(), self.server.token.encode())
        if self.headers.get("Host") not in self.server.hosts or empty or not known or not rest[1:]:
            self._refuse(HTTPStatus.NOT_FOUND)
            return None
        return rest[0]

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(b"", "text/plain; charset=utf-8", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal is for what concerns the person."""
