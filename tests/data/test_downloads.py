"""Tables over http: served on loopback here, and refused from there unless the settings allow it."""

from __future__ import annotations

import gzip
import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from refinery.tools.data.downloads import Downloads
from refinery.tools.data.engine import Engine
from refinery.tools.data.policy import Policy
from refinery.tools.data.registry import Registry
from refinery.tools.data.sources import Opener
from refinery.tools.data.urls import shown_url
from refinery.tools.errors import BadRequest, DataUnreadable, LimitExceeded, NotAllowed, Unavailable

CSV = b"id,city\n1,Berlin\n2,Paris\n"


@dataclass
class Site:
    """A web site on loopback: what it answers by path, and what it was asked."""

    port: int = 0
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            site.asked.append((self.path, headers))
            status, answer, body = site.pages.get(self.path, (404, {}, b"none"))
            if answer.get("ETag") and headers.get("if-none-match") == answer["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for key, value in answer.items():
                self.send_header(key, value)
            if "Content-Length" not in answer and status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    return Downloads(tmp_path, private_addresses=True, max_mb=1)


def test_a_url_is_opened_like_a_file(site, tmp_path):
    site.pages["/a/orders.csv?token=hunter2"] = (200, {}, CSV)
    (tmp_path / "snapshots").mkdir()
    policy = Policy(roots=(), workspace=tmp_path, private_addresses=True)
    opener = Opener(policy, Registry(tmp_path / "names", "t"), Engine(threads=1), {}, tmp_path / "snapshots")
    url = site.url("/a/orders.csv?token=hunter2")
    source = opener.resolve(url)
    assert (source.kind, source.format, source.uri) == ("url", "csv", url)
    dataset = opener.open(url)
    assert (dataset.rows, dataset.columns) == (2, ["id", "city"])
    assert dataset.fingerprint == source.fingerprint != ""
    assert "hunter2" not in dataset.source
    assert len(site.asked) == 1


def test_within_a_minute_a_url_is_asked_once_and_then_only_for_changes(site, downloads, monkeypatch):
    site.pages["/x.csv"] = (200, {"ETag": '"1"'}, CSV)
    first = downloads.fetch(site.url("/x.csv"))
    assert downloads.fetch(site.url("/x.csv")) == first
    assert len(site.asked) == 1
    monkeypatch.setattr("refinery.tools.data.downloads.FRESH_SECONDS", 0.0)
    assert downloads.fetch(site.url("/x.csv")) == first
    assert site.asked[1][1]["if-none-match"] == '"1"'
    site.pages["/x.csv"] = (200, {"ETag": '"2"'}, CSV + b"3,Rome\n")
    second = downloads.fetch(site.url("/x.csv"))
    assert second.read_bytes() == CSV + b"3,Rome\n"
    assert first.read_bytes() == CSV, "a call that still reads the last version is not disturbed"


@pytest.mark.parametrize(
    ("path", "headers", "suffix"),
    [
        ("/x.csv", {}, ".csv"),
        ("/x.CSV.gz", {}, ".csv.gz"),
        ("/export?id=1", {"Content-Type": "text/csv; charset=utf-8"}, ".csv"),
        ("/export", {"Content-Type": "application/json"}, ".json"),
        (
            "/export",
            {"Content-Disposition": 'attachment; filename="t.parquet"', "Content-Type": "binary/x"},
            ".parquet",
        ),
        ("/x.csv", {"Content-Type": "application/octet-stream"}, ".csv"),
        ("/x.csv", {"Content-Encoding": "gzip"}, ".csv.gz"),
    ],
)
def test_the_format_is_told_by_path_or_headers(site, downloads, path, headers, suffix):
    site.pages[path] = (200, headers, gzip.compress(CSV) if "gz" in suffix else CSV)
    assert "".join(downloads.fetch(site.url(path)).suffixes) == suffix


def test_a_redirect_is_followed_and_a_long_chain_is_not(site, downloads):
    site.pages["/old"] = (302, {"Location": "/new/x.csv"}, b"")
    site.pages["/new/x.csv"] = (200, {"Content-Type": "text/csv"}, CSV)
    assert downloads.fetch(site.url("/old")).read_bytes() == CSV
    site.pages["/round.csv"] = (302, {"Location": "/round.csv"}, b"")
    with pytest.raises(DataUnreadable, match="more than 5 times"):
        downloads.fetch(site.url("/round.csv"))


@pytest.mark.parametrize(
    "there",
    [
        "http://169.254.169.254/latest/",
        "http://[::1]/x.csv",
        "http://localhost/x.csv",
        "file:///etc/passwd",
        "ftp://example.com/x",
    ],
)
def test_each_redirect_is_judged_anew(site, tmp_path, monkeypatch, there):
    site.pages["/x.csv"] = (302, {"Location": there}, b"")
    monkeypatch.setattr(
        "refinery.tools.data.urls._public", lambda address: address == "127.0.0.1" and "localhost" not in there
    )
    with pytest.raises(NotAllowed):
        Downloads(tmp_path).fetch(site.url("/x.csv"))


PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "localhost",
]


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_addresses_that_are_not_public_are_never_asked(tmp_path, monkeypatch, host, scheme):
    def connect(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises((NotAllowed, Unavailable), match=r"public address.*data\.private_addresses|no address"):
        Downloads(tmp_path).fetch(f"{scheme}://{host}/x.csv")


def test_a_host_with_one_private_address_among_public_ones_is_refused(tmp_path, monkeypatch):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(NotAllowed, match="example"):
        Downloads(tmp_path).fetch("http://example.com/x.csv")


def test_the_address_that_was_judged_is_the_one_that_is_asked(tmp_path, monkeypatch):
    looked_up, asked = [], []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        looked_up.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34" if len(looked_up) == 1 else "127.0.0.1", 80))
        ]

    def connect(address: tuple[str, int], **_: object) -> None:
        asked.append(address)
        raise OSError("unreachable")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(Unavailable, match="unreachable"):
        Downloads(tmp_path).fetch("http://rebinding.example/x.csv")
    assert (looked_up, asked) == (["rebinding.example"], [("93.184.216.34", 80)])


def test_the_host_keeps_its_name_in_the_request(site, downloads, monkeypatch):
    site.pages["/x.csv"] = (200, {}, CSV)
    downloads.fetch(f"http://localhost:{site.port}/x.csv")
    assert site.asked[0][1]["host"] == f"localhost:{site.port}"


def test_an_answer_over_the_limit_is_cut_off_whether_announced_or_not(site, downloads, tmp_path):
    large = b"a\n" * 600_000
    site.pages["/x.csv"] = (200, {}, large)
    site.pages["/y.csv"] = (200, {"Content-Length": "none", "Connection": "close"}, large)
    for path in ("/x.csv", "/y.csv"):
        with pytest.raises((LimitExceeded, Unavailable)) as caught:
            downloads.fetch(site.url(path))
        if path == "/x.csv":
            assert "data.max_file_mb" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_breaks_off_is_not_kept(site, downloads, tmp_path):
    site.pages["/x.csv"] = (200, {"Content-Length": "100", "Connection": "close"}, CSV)
    with pytest.raises(Unavailable, match="could not be fetched"):
        downloads.fetch(site.url("/x.csv"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "headers", "error", "says"),
    [
        (404, {}, DataUnreadable, "404"),
        (403, {}, DataUnreadable, "login"),
        (503, {}, Unavailable, "try again"),
        (429, {}, Unavailable, "try again"),
        (200, {"Content-Type": "text/html"}, DataUnreadable, "web page"),
    ],
)
def test_refusals_say_what_to_do(site, downloads, status, headers, error, says):
    site.pages["/x.csv"] = (status, headers, b"<html>")
    with pytest.raises(error, match=says):
        downloads.fetch(site.url("/x.csv"))


def test_an_answer_of_an_unknown_kind_is_refused(site, downloads):
    site.pages["/x"] = (200, {"Content-Type": "image/png"}, b"\x89PNG")
    with pytest.raises(DataUnreadable, match="image/png"):
        downloads.fetch(site.url("/x"))


@pytest.mark.parametrize(
    "url", ["http://", "http:///x.csv", "http://h:99999/x", "http://[::1/x", "http://h/a b.csv", "http://h/\r\nX: y"]
)
def test_what_is_no_url_is_said_to_be_none(downloads, url):
    with pytest.raises(BadRequest):
        downloads.fetch(url)


def test_a_password_in_a_url_is_refused_and_never_shown(downloads):
    with pytest.raises(BadRequest, match="password") as caught:
        downloads.fetch("https://ann:hunter2@example.com/x.csv?key=hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_url_is_shown_without_user_and_query():
    assert shown_url("https://a:b@h.org/p/x.csv?k=v#f") == "https://h.org/p/x.csv?…"
    assert shown_url("https://h.org?k=v") == "https://h.org?…"
    assert len(shown_url("https://h.org/" + "x" * 500)) < 130


def test_a_closed_port_is_unavailable(downloads):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable, match="try again"):
        downloads.fetch(f"http://127.0.0.1:{port}/x.csv")
