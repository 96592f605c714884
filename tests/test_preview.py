"""The live preview: shows what the spec says now, on this machine alone, and ends cleanly."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from explainer.embed import core, preview
from explainer.embed.preview import Preview, Server
from explainer.errors import OutputError

SPEC = """\
inputs: {X1: 2}
targets: x.csv
layers:
  - {neurons: [1], activation: tanh, weights: [[0.3]], biases: [-0.1]}
loss: half_squared_error
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLAINER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "x.csv").write_text("T\n1\n")
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def server(spec: Path) -> Iterator[Server]:
    made = Server(Preview(spec, {}, lambda line: None), 0)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def get(server: Server, path: str, host: str | None = None, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, quote(path, safe="/?=%"), headers={"Host": host or f"127.0.0.1:{server.server_port}"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def changed(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 10**9))


def test_the_page_is_that_of_the_spec_and_asks_for_a_newer_one(server: Server) -> None:
    status, page = get(server, "/")
    assert status == 200
    assert "<math" in page
    assert f'fetch("/newer?than={server.preview.version}")' in page


def test_a_change_of_the_spec_or_its_data_is_a_newer_page(server: Server, spec: Path) -> None:
    data = spec.with_name("x.csv")
    for path, text, shown in (
        (spec, SPEC.replace("0.3", "0.375"), "0.375"),
        (data, "T\n0.625\n", "0.625"),
        (spec, SPEC.replace("tanh", "tanhh"), f"{spec}:4:32: unknown activation &#x27;tanhh&#x27;"),
        (spec, SPEC, "<math"),
        (data, "T\nhalf\n", f"{data}:2:1: "),
        (data, "T\n0.5\n", "<math"),
    ):
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(get, server, f"/newer?than={server.preview.version}")
            changed(path, text)
            server.preview.look()
            assert answer.result(10)[0] == 200
        assert shown in get(server, "/")[1]


def test_a_file_that_changes_while_the_page_is_worked_is_seen(
    server: Server, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*arguments: Any) -> Any:
        page = core.embedded(*arguments)
        changed(spec, SPEC.replace("0.3", "0.875"))
        return page

    monkeypatch.setattr(preview, "embedded", slow)
    changed(spec, SPEC.replace("0.3", "0.75"))
    server.preview.look()
    monkeypatch.undo()
    assert "0.75" in get(server, "/")[1]
    server.preview.look()
    assert "0.875" in get(server, "/")[1]


def test_a_preview_begins_with_the_page_that_has_a_fault_in_its_data_and_comes_to_life(spec: Path) -> None:
    data = spec.with_name("x.csv")
    data.write_text("T\nhalf\n")
    said: list[str] = []
    made = Preview(spec, {}, said.append)
    assert "<math" not in made.page
    changed(data, "T\n0.5\n")
    made.look()
    assert "<math" in made.page
    assert [line.startswith(f"{data}:2:1: ") for line in said] == [True, False]


def test_a_template_that_is_added_is_seen(spec: Path) -> None:
    prose = spec.with_name("mine") / "prose" / "en"
    prose.mkdir(parents=True)
    made = Preview(spec, {}, lambda line: None, str(prose.parent.parent))
    before = made.version
    made.look()
    assert made.version == before
    (prose / "models.j2").write_text("{# nothing #}\n")
    made.look()
    assert made.version > before


def test_the_page_of_another_run_is_a_newer_one(server: Server, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: server.preview.version + 10.0)
    assert Preview(spec, {}, lambda line: None).version > server.preview.version


def test_nothing_new_is_answered_after_a_while(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "PATIENCE", 0.05)
    before = server.preview.version
    server.preview.look()
    assert server.preview.version == before
    assert get(server, f"/newer?than={before}") == (204, "")
    assert get(server, f"/newer?than={before - 1}") == (200, "")


def test_it_listens_on_the_loopback_address_and_answers_to_that_name_only(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/", f"localhost:{server.server_port}")[0] == 200
    for host in (
        "evil.example",
        f"evil.example:{server.server_port}",
        "127.0.0.1",
        f"127.0.0.1:{server.server_port + 1}",
    ):
        assert get(server, "/", host)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/net.yaml",
        "/../net.yaml",
        "//etc/passwd",
        "/newer",
        "/newer?than=x",
        "/newer?than=٣",
        f"/newer?than={'9' * 5000}",
        "/?",
        "/%2e%2e/",
    ],
    ids=range(9),
)
def test_no_file_is_served(server: Server, path: str) -> None:
    status, text = get(server, path)
    assert status == (200 if path == "/?" else 404)
    assert "root:" not in text
    assert get(server, path, method="POST")[0] == 501


def test_a_port_that_is_taken_is_told(server: Server, spec: Path) -> None:
    other = Preview(spec, {}, lambda line: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OutputError, match=r"net\.yaml:1:1: port \d+ cannot be used .*; choose another with --port"):
            Server(other, taken.getsockname()[1])


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly_and_leaves_its_port(spec: Path, how: signal.Signals) -> None:
    line = [sys.executable, "-m", "explainer", "serve", str(spec), "--port", "0", "--language", "zh"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "worked in" in process.stderr.readline()
        found = re.match(r"http://127\.0\.0\.1:(\d+)/ shows ", process.stderr.readline())
        assert found
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
        connection.request("GET", "/")
        assert "前向传播" in connection.getresponse().read().decode()
        process.send_signal(how)
        assert process.stderr.read() == "stopped\n"
        assert process.wait(10) == 0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections may linger, a listener may not
        again.bind(("127.0.0.1", int(found[1])))
        again.listen()


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_while_a_page_is_worked(spec: Path, how: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*arguments: Any) -> Any:
        os.kill(os.getpid(), how)
        time.sleep(60)
        pytest.fail("it went on")

    said: list[str] = []
    before = signal.getsignal(how)
    monkeypatch.setattr(preview, "embedded", endless)
    preview.serve(spec, {}, 0, said.append)
    assert said == ["stopped"]
    assert signal.getsignal(how) is before
