"""The demonstration being served, a browser, and the open page, which must ask no other origin and raise nothing."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.web.browsing import Demo, keep_in

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""Seconds a page has, on a busy machine, to show what is looked for."""
expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo") / ".hub"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    command = [sys.executable, "-m", "hub", "demo", "--port", str(port), "--students", "1000"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment | {"HUB_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        _await(process, f"http://127.0.0.1:{port}/health/ready")
        yield Demo(f"http://127.0.0.1:{port}", home, json.loads((home / "demo.json").read_bytes()))
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _await(process: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"the hub ended: {process.communicate()[0].decode()}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail("the hub was not ready in time")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("no chromium on this machine: CI must install it")
    if path is None:
        pytest.skip("no chromium on this machine")
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext, demo: Demo) -> AsyncIterator[Page]:
    """The open page; whatever a test does, it must ask no other origin, break no policy and raise nothing."""
    page = await context.new_page()
    elsewhere: list[str] = []
    problems: list[str] = []
    local = (f"{demo.url}/", "data:", f"blob:{demo.url}/")
    context.on("request", lambda request: None if request.url.startswith(local) else elsewhere.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.expose_function("reportViolation", keep_in(problems))
    await page.add_init_script(
        "addEventListener('securitypolicyviolation', e => reportViolation(e.violatedDirective + ' ' + e.blockedURI))"
    )
    response = await page.goto(demo.url)
    assert response is not None
    assert "default-src 'self'" in response.headers["content-security-policy"]
    yield page
    assert elsewhere == []
    assert problems == []
