"""What comes over the wire: half requests, nonsense and contradictions, to the hub alone and behind its front proxy."""

import asyncio
import gc
import logging
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from websockets.asyncio.client import connect

from hub import endpoint, head
from hub.settings import Settings
from tests.province import Province
from tests.served import served

CONFIGURATION = Path(__file__).parent.parent / "docs" / "nginx.conf"
QUESTION = {"query": "{ schools { totalCount } }"}
HEAD = b"POST /graphql HTTP/1.1\r\nhost: hub\r\ncontent-type: application/json\r\n"
PATIENCE = 30

CONTRADICTIONS = {
    "length and chunks": b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: hub\r\n\r\n",
    "chunks and length": b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
    "a signed length": b"content-length: +4\r\n\r\nabcd",
    "two codings": b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
}
INNER = b"GET /health/live HTTP/1.1\r\nhost: hub\r\n\r\n"
UPGRADING = b"\r\nconnection: upgrade\r\nupgrade: %b\r\n"
_SOCKET = (
    UPGRADING % b"websocket"
).lstrip() + b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
_OTHER, _GET = (UPGRADING % b"h2c").lstrip(), b"GET /graphql HTTP/1.1\r\nhost: hub\r\n"
UPGRADES = {
    "another protocol": HEAD + _OTHER + b"content-length: %d\r\n\r\n" % len(INNER),
    "another protocol, chunked": HEAD + _OTHER + b"transfer-encoding: chunked\r\n\r\n",
    "a websocket with a body": _GET + _SOCKET + b"content-length: 5\r\n\r\n",
    "a websocket with chunks": _GET + _SOCKET + b"transfer-encoding: chunked\r\n\r\n",
    "a websocket by POST": HEAD + _SOCKET + b"\r\n",
    "a tunnel": b"CONNECT hub:80 HTTP/1.1\r\nhost: hub:80\r\n\r\n",
}
BY_NGINX = {
    name for name in CONTRADICTIONS if name != "a blank before the colon"
}  # which it drops, and then sees no body


async def exchanged(port: int, sent: bytes, later: bytes = b"") -> bytes:
    """All that comes back until the connection ends; some may be sent a little later."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        if later:
            await asyncio.sleep(0.05)
            writer.write(later)
        return await asyncio.wait_for(reader.read(), PATIENCE)
    finally:
        writer.close()


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


def asking(token: str, *more: bytes) -> bytes:
    """A whole request."""
    body = orjson.dumps(QUESTION)
    lines = [b"authorization: Bearer " + token.encode(), b"content-length: %d" % len(body), *more]
    return HEAD + b"\r\n".join(lines) + b"\r\n\r\n" + body


async def test_an_answer_in_one_piece_is_what_the_server_would_have_sent(
    settings: Settings, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asking(province.tokens["prov"], b"connection: close")
    async with served(settings) as (url, _):
        at_once = await exchanged(port_of(url), request)
        monkeypatch.setattr("hub.endpoint.head", SimpleNamespace(WHOLE="nobody offers this"))
        in_two = await exchanged(port_of(url), request)
    lines, others = (set(answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")) for answer in (at_once, in_two))
    dated = {line for line in lines | others if line.startswith(b"date: ")}
    assert lines - dated == others - dated
    assert dated
    assert at_once.partition(b"\r\n\r\n")[2] == in_two.partition(b"\r\n\r\n")[2] != b""
    assert {b"connection: close", b"cache-control: no-store", b"x-content-type-options: nosniff"} < lines


async def test_requests_sent_together_are_answered_one_after_the_other(settings: Settings, province: Province) -> None:
    token = province.tokens["prov"]
    async with served(settings) as (url, _):
        together = asking(token) * 3 + asking(token, b"connection: close")
        answers = await exchanged(port_of(url), together)
        old = await exchanged(port_of(url), asking(token).replace(b"HTTP/1.1", b"HTTP/1.0"))
        waiting = asking(token, b"expect: 100-continue", b"connection: close")
        expecting = await exchanged(port_of(url), waiting)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == answers.count(b'"totalCount"') == 4
    assert answers.count(b"connection: close\r\n") == old.count(b"connection: close\r\n") == 1
    assert expecting.count(b"HTTP/1.1 200 OK\r\n") == 1


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
async def test_a_request_that_two_servers_may_read_differently_is_none(settings: Settings, contradiction: str) -> None:
    async with served(settings) as (url, _):
        answer = await exchanged(port_of(url), HEAD + CONTRADICTIONS[contradiction])
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert orjson.loads(body)["errors"][0]["extensions"]["key"] == "NOT_HTTP"  # and nothing after it


@pytest.mark.parametrize("upgrade", UPGRADES)
async def test_a_body_behind_an_upgrade_is_no_request(settings: Settings, upgrade: str) -> None:
    async with served(settings) as (url, _):
        answer = await exchanged(port_of(url), UPGRADES[upgrade], INNER)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert orjson.loads(body)["errors"][0]["extensions"]["key"] == "UPGRADE_NOT_POSSIBLE"  # and nothing after it


async def test_another_protocol_is_not_spoken_and_what_is_asked_is_answered_once(settings: Settings) -> None:
    async with served(settings) as (url, _):
        answer = await exchanged(port_of(url), INNER.replace(b"\r\n\r\n", UPGRADING % b"h2c" + b"\r\n"), INNER)
    assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 200 OK\r\n") == answer.count(b'{"ok":true}') == 1


async def test_what_came_whole_before_nonsense_is_answered(
    settings: Settings, province: Province, caplog: pytest.LogCaptureFixture
) -> None:
    token = province.tokens["prov"]
    async with served(settings) as (url, _):
        for whole in (1, 3):
            answers = await exchanged(port_of(url), asking(token) * whole + b"GARBAGE\r\n\r\n")
            assert answers.count(b"HTTP/1.1 ") == answers.count(b'"totalCount"') == whole
            assert answers.count(b"connection: close\r\n") == 1
        half = asking(token) + HEAD + b"transfer-encoding: chunked\r\n\r\nno length\r\n"
        answers = await exchanged(port_of(url), half)
        assert answers.count(b"HTTP/1.1 ") == answers.count(b'"totalCount"') == 1
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


async def test_a_line_behind_a_body_is_no_header(settings: Settings, province: Province) -> None:
    body, token = orjson.dumps(QUESTION), province.tokens["prov"].encode()
    lines = b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body)
    async with served(settings) as (url, _):
        answer = await exchanged(port_of(url), HEAD + lines + b"authorization: Bearer " + token + b"\r\n\r\n")
    assert b"UNAUTHENTICATED" in answer


@pytest.mark.parametrize("soon", [endpoint._SOON, 0.0])
async def test_an_answer_leaves_nothing_that_only_the_collector_finds(
    settings: Settings, province: Province, monkeypatch: pytest.MonkeyPatch, soon: float
) -> None:
    """Rings of objects are found by a collector for which every request at work waits."""

    def left() -> int:
        kinds = (RequestResponseCycle, head.Bounded, endpoint._Watch)
        return sum(type(each) in kinds for each in gc.get_objects())

    monkeypatch.setattr(endpoint, "_SOON", soon)
    headers = {"authorization": f"Bearer {province.tokens['countyA']}"}
    async with served(settings) as (url, _):

        async def ask(*, kept: bool) -> None:
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE) as client:
                for _ in range(20 if kept else 1):
                    assert (await client.post("/graphql", json=QUESTION)).json()["data"]

        await ask(kept=True)
        gc.collect()
        gc.disable()
        try:
            before = left()
            await ask(kept=True)
            for _ in range(20):
                await ask(kept=False)
            for _ in range(100):
                if left() <= before:
                    break
                await asyncio.sleep(0.05)
            assert left() <= before
        finally:
            gc.enable()


@pytest.mark.parametrize(
    ("begun", "key"),
    [
        (b"", None),
        (HEAD, "REQUEST_TOO_SLOW"),
        (HEAD + b"content-length: 40\r\n\r\n{", "REQUEST_TOO_SLOW"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", "REQUEST_TOO_SLOW"),
    ],
)
async def test_who_does_not_finish_a_request_is_told_so_and_let_go(
    settings: Settings, province: Province, begun: bytes, key: str | None
) -> None:
    async with served(settings, request_patience=0.3) as (url, _):
        answer = await exchanged(port_of(url), begun)
        assert answer.startswith(b"HTTP/1.1 408 ") if key else answer == b""
        assert key is None or orjson.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["key"] == key
        headers = {"authorization": f"Bearer {province.tokens['countyA']}"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:
            for _ in range(3):  # whoever asks, and pauses, is not cut off in between
                assert (await client.post("/graphql", json=QUESTION)).json()["data"]
                await asyncio.sleep(0.4)


async def test_a_head_that_comes_byte_by_byte_has_no_more_time(settings: Settings) -> None:
    async with served(settings, request_patience=0.5) as (url, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))

        async def drip() -> None:
            for byte in HEAD * 100:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert (await asyncio.wait_for(reader.read(), PATIENCE)).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()
        writer.close()


async def test_a_body_that_keeps_coming_has_the_time_it_needs(settings: Settings, province: Province) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in orjson.dumps(QUESTION):
            yield bytes([byte])
            await asyncio.sleep(0.05)

    async with (
        served(settings, request_patience=1.0) as (url, _),
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        headers = {"authorization": f"Bearer {province.tokens['countyA']}", "content-type": "application/json"}
        answer = await client.post("/graphql", content=pieces(), headers=headers)  # 1.9 seconds in all
        assert answer.json()["data"]


async def test_two_hundred_slow_sockets_hold_nobody_up(settings: Settings, province: Province) -> None:
    async with served(settings) as (url, _):
        await beside_slow_sockets(port_of(url), province)


async def beside_slow_sockets(port: int, province: Province) -> None:
    """Others are served while half requests lie open."""
    halves = [HEAD, HEAD + b"content-length: 40\r\n\r\n{"]
    held = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.9", 0)) for _ in range(200)]
    for at, (_, writer) in enumerate(held):
        writer.write(halves[at % 2])
    headers = {"authorization": f"Bearer {province.tokens['countyA']}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=PATIENCE) as client:
        for _ in range(5):
            assert (await client.post("/graphql", json=QUESTION)).json()["data"]
    for _, writer in held:
        writer.close()


async def test_whoever_sends_nonsense_does_not_write_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.head._SELDOM", 1e9)
    monkeypatch.setattr("hub.head._SELDOM_TOLD._told", {})
    async with served(settings) as (url, _):
        logger = logging.getLogger("uvicorn.error")
        monkeypatch.setattr(logger, "handlers", [caplog.handler])
        with caplog.at_level(logging.WARNING, logger.name):
            for _ in range(20):
                assert (await exchanged(port_of(url), b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert [record.getMessage() for record in caplog.records] == ["Invalid HTTP request received."]


@asynccontextmanager
async def proxied(settings: Settings, home: Path, **overrides: Any) -> AsyncIterator[tuple[int, Any]]:
    """The port of the front proxy before a hub, as docs/nginx.conf has it but for the ports, and the application."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        pytest.skip("no nginx on this machine")
    async with served(settings, **overrides) as (url, app):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        text, ports = re.subn(r"listen 80;", f"listen 127.0.0.1:{port};", CONFIGURATION.read_text(encoding="utf-8"))
        text, servers = re.subn(r"server 127\.0\.0\.1:8000;", f"server {url.removeprefix('http://')};", text)
        assert (ports, servers) == (1, 1)
        places = "".join(
            f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        frame = "daemon off; pid {home}/pid; error_log {home}/errors; events {{}} http {{ access_log off; {places} {text} }}"
        (home / "nginx.conf").write_text(frame.format(home=home, places=places, text=text), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(program, "-p", str(home), "-c", str(home / "nginx.conf"))
        try:
            await _listening(port, process)
            yield port, app
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), PATIENCE)


async def _listening(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(PATIENCE * 10):
        assert process.returncode is None, "the proxy does not take its configuration"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise AssertionError("the proxy does not listen")


async def test_the_front_proxy_passes_on_what_is_a_request_and_nothing_else(
    settings: Settings, province: Province, tmp_path: Path
) -> None:
    async with proxied(settings, tmp_path) as (port, _):
        headers = {"authorization": f"Bearer {province.tokens['countyA']}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            answer = await client.post("/graphql", json=QUESTION)
            assert answer.json()["data"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "nginx/" not in answer.headers["server"]
            large = await client.post("/graphql", json=QUESTION | {"variables": {"x": "y" * 1_100_000}})
            assert large.status_code == 413
            long = await client.get("/health/live", headers={"x-long": "y" * 40_000})
            assert long.status_code == 400
            upload = {"file": ("photo.jpg", b"\xff" * 2_000_000, "image/jpeg")}
            school = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
            assert (await client.post("/files", files=upload, headers=school)).status_code == 201
        for contradiction in BY_NGINX:
            answered = await exchanged(port, HEAD + CONTRADICTIONS[contradiction])
            assert answered.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), contradiction
            assert answered.count(b"HTTP/1.1 ") == 1
        upgrading = asking(province.tokens["countyA"], (UPGRADING % b"h2c").strip(), b"connection: close")
        answered = await exchanged(port, upgrading)
        assert answered.count(b"HTTP/1.1 ") == answered.count(b'"totalCount"') == 1
        await beside_slow_sockets(port, province)


async def test_behind_the_front_proxy_everybody_has_their_own_address(
    settings: Settings, province: Province, tmp_path: Path
) -> None:
    async with proxied(settings, tmp_path) as (port, app):
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.7")
        async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.post(
                "/graphql", json={"query": "{ nothing"}, headers={"x-forwarded-for": "192.0.2.1"}
            )
            assert answer.json()["errors"]
        assert set(app.state.hub.refusals._free_at) == {"127.0.0.7"}


async def test_a_websocket_passes_through_the_front_proxy(
    settings: Settings, province: Province, tmp_path: Path
) -> None:
    async with proxied(settings, tmp_path) as (port, _):
        where = f"ws://127.0.0.1:{port}/graphql"
        async with connect(where, subprotocols=["graphql-transport-ws"]) as websocket:
            token = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
            await websocket.send(orjson.dumps({"type": "connection_init", "payload": token}).decode())
            assert orjson.loads(await websocket.recv())["type"] == "connection_ack"


async def test_a_large_head_behind_a_body_is_refused_however_it_comes(settings: Settings, province: Province) -> None:
    large = HEAD + b"x-filler: " + b"x" * (settings.header_limit - 50) + b"\r\n" + b"y: y\r\n" * 40 + b"\r\n"
    async with served(settings) as (url, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
        writer.write(asking(province.tokens["prov"]) + large[:-300])
        await reader.readuntil(b"totalCount")
        writer.write(large[-300:])
        rest = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
    assert b"HTTP/1.1 431 " in rest
