"""The site is shown to this machine, nothing else is, and it ends when it is told to."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.parse import urljoin
from urllib.request import ProxyHandler, build_opener

import pytest

from nasbench_suite.cli.serving import Server
from nasbench_suite.core import InvalidSetting

SERVE = ("leaderboard", "serve", "--port", "0")


@pytest.fixture
def site(tmp_path):
    """A server of some files of a folder that holds more."""
    folder = tmp_path / "site"
    (folder / "small").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("index.html", "small/index.html", "small/standings.json", "small/ä b.csv"):
        (folder / name).write_text(name, encoding="utf-8")
    (folder / "small" / "runs.jsonl.gz").write_bytes(b"\x1f\x8bgz")
    files = [path for path in folder.rglob("*") if path.is_file()]
    (folder / "left.html").write_text("secret")
    with Server(0) as server:
        server.show(folder, files)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def ask(server, path, method="GET"):
    """The answer and its data; the path is sent as it is."""
    with socket.create_connection(server.server_address, timeout=10) as connection:
        connection.sendall(f"{method} {path} HTTP/1.0\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        return answer, answer.read()


def test_files_have_their_types(site, capfd):
    types = {
        "/": "text/html; charset=utf-8",
        "/small/": "text/html; charset=utf-8",
        "/small/index.html?sort=2": "text/html; charset=utf-8",
        "/small/standings.json": "application/json",
        "/small/%C3%A4%20b.csv": "text/csv; charset=utf-8",
        "/small/runs.jsonl.gz": "application/gzip",
    }
    for path, kind in types.items():
        answer, data = ask(site, path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind), path
        assert answer.headers["Content-Encoding"] is None
        assert int(answer.headers["Content-Length"]) == len(data) > 0
        saved = answer.headers["Content-Disposition"]
        assert saved == ("attachment" if path.endswith(".gz") else None)
    assert ask(site, "/small/runs.jsonl.gz")[1] == b"\x1f\x8bgz"
    answer, data = ask(site, "/small/standings.json", "HEAD")
    assert (answer.status, answer.headers["Content-Length"], data) == (200, "20", b"")
    answer, _ = ask(site, "/small")
    assert (answer.status, answer.headers["Location"]) == (301, "/small/")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/small/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/small/..%2f..%2fsecret.txt",
        "//etc/passwd",
        "/etc/passwd",
        "/left.html",
        "/small/none/",
        "/%00",
        "/index.html/",
        "http://[",
        "/%ff%fe",
    ],
)
def test_nothing_else_is_shown(site, path, capfd):
    answer, data = ask(site, path)
    assert answer.status == 404
    assert b"secret" not in data.replace(b"secret.txt", b"")
    assert capfd.readouterr() == ("", "")


def test_a_file_that_has_gone_and_a_browser_that_leaves(site, capfd):
    site.files["/small/standings.json"].unlink()
    assert ask(site, "/small/standings.json")[0].status == 404
    assert ask(site, "/", "POST")[0].status == 501
    for _ in range(5):
        with socket.create_connection(site.server_address) as left:
            left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            left.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
    assert ask(site, "/")[0].status == 200
    assert capfd.readouterr() == ("", "")


def test_ports_that_cannot_be_had(nasbench, tmp_path):
    with Server(0) as server:
        taken = server.server_address[1]
        assert server.server_address[0] == "127.0.0.1"
        done = nasbench("leaderboard", "serve", "--port", taken, "--out", tmp_path / "site")
        assert (done.code, done.out) == (2, "")
        assert f"port {taken} is taken: name another by --port, or --port 0" in done.err
    # The port is free at once.
    Server(taken).server_close()
    for port in (-1, 65536):
        with pytest.raises(InvalidSetting, match="from 1 to 65535"):
            Server(port)
    done = nasbench("leaderboard", "serve", "--port", 65536, "--out", tmp_path / "site")
    assert done.code == 2
    assert not (tmp_path / "site").exists()


def test_what_cannot_be_built(nasbench, tmp_path):
    (tmp_path / "file").write_text("")
    done = nasbench(*SERVE, "--track", "small", "--out", tmp_path / "file")
    assert done.code == 2
    assert "name another folder" in done.err
    done = nasbench(*SERVE, "--track", "smal", "--out", tmp_path / "site")
    assert done.code == 2
    assert "did you mean small" in done.err


@contextmanager
def started(data, temporary, *more):
    """The command as a process, and the line that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nasbench_suite.cli", *SERVE, "--track", "small", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NASBENCH_DATA": str(data), "TMPDIR": str(temporary)},
        # A shell lets what it runs in the background ignore Ctrl-C, tests and their children too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def get(address):
    # No proxy knows this machine.
    with build_opener(ProxyHandler({})).open(address, timeout=10) as answer:
        return answer.headers.get_content_type(), answer.read()


@pytest.fixture
def board(tracks, submitted, tmp_path):
    """A data folder with one entry on a track."""
    home = tmp_path / "data"
    shutil.copytree(tracks, home)
    entry = home / "leaderboards" / "small" / "submissions" / "regularized_evolution"
    shutil.copytree(submitted("small"), entry)
    return home


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_and_leaves_nothing(board, tmp_path, end):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with started(board, temporary) as (process, line):
        address, _, told = line.partition(" ")
        assert told == "shows the leaderboards; Ctrl-C ends it\n"
        assert b"regularized_evolution" in get(f"{address}small/")[1]
        (folder,) = temporary.iterdir()
        assert (folder / "index.html").is_file()
        process.send_signal(end)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, "", "")
    assert list(temporary.iterdir()) == []


def test_a_folder_that_was_named_stays(board, tmp_path):
    out = tmp_path / "site"
    with started(board, tmp_path, "--out", str(out), "--json") as (process, line):
        address = json.loads(line)["address"]
        # Whatever a page leads to is shown.
        ahead, types = [address], {}
        while ahead:
            here = ahead.pop()
            types[here], data = get(here)
            if types[here] == "text/html":
                links = re.findall(r'<a [^>]*?href="([^"#]+)', data.decode())
                there = {urljoin(here, link) for link in links}
                ahead += [one for one in there if one.startswith(address) and one not in types]
        entry = f"{address}small/regularized_evolution/"
        assert types[f"{entry}index.html"] == "text/html"
        assert types[f"{entry}submission.toml"] == "text/plain"
        assert types[f"{entry}nasbench201-cifar10.jsonl.gz"] == "application/gzip"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert (out / "small" / "standings.json").is_file()
