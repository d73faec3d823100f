"""A real browser on a real desk: Chromium as the system has it, the desk in its own process."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aitrader import databases
from aitrader.env import REPOSITORY

pytestmark = pytest.mark.browser
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PASSWORD = "correct-horse-9"
OPERATORS = (f"admin:{PASSWORD}:trader,risk,admin", f"viewer:{PASSWORD}:compliance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no Chromium on PATH"))


@dataclass
class Server:
    """A desk that runs; `tell` pauses or resumes its feed."""

    address: str
    process: "subprocess.Popen[str]"

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "done\n"


def start(database: str, *more: str) -> Server:
    """A desk on a database of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, "-m", "tests.browser.desk_server"]
    words = ["--database", database, "--port", str(port), *more]
    for text in OPERATORS:
        words += ["--operator", text]
    process = subprocess.Popen(
        program + words,
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    server = Server(f"http://127.0.0.1:{port}", process)
    if process.stdout.readline() != "ready\n":
        stop(server)
        pytest.fail("the desk did not start")
    return server


def stop(server: Server) -> None:
    server.process.terminate()
    server.process.wait(timeout=20)
    for stream in (server.process.stdin, server.process.stdout):
        if stream is not None:
            stream.close()


def _serve(template: str, name: str, *more: str) -> Iterator[Server]:
    database = f"aitrader_test_{os.getpid()}_browser_{name}"
    databases.create(database, template=template)
    server = start(database, *more)
    yield server
    stop(server)
    databases.drop(database)


@pytest.fixture(scope="module")
def desk(template_database: str) -> Iterator[Server]:
    """A desk that trades a bar every half second."""
    yield from _serve(template_database, "desk", "--warm", "300", "--pace", "0.5")


@pytest.fixture(scope="module")
def empty_desk(template_database: str) -> Iterator[Server]:
    """A desk on which nothing was ever started."""
    yield from _serve(template_database, "empty", "--empty")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    # Playwright's own loop runs in this thread; databases are made and dropped beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass
class Person:
    """Somebody at a browser, with an authenticator in hand."""

    page: Any
    server: Server
    seeds: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str = "/") -> None:
        self.page.goto(self.server.address + path)

    def code(self, name: str = "admin") -> str:
        """What the authenticator shows now."""
        self.server.tell("forget")
        seed = self.seeds[name].replace(" ", "")
        key = base64.b32decode(seed + "=" * (-len(seed) % 8))
        digest = hmac.new(key, struct.pack(">Q", int(time.time() // 30)), hashlib.sha1).digest()
        at = digest[-1] & 15
        number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06d}"

    def sign_in(self, name: str = "admin") -> None:
        """Name, password, and a code; the first time the authenticator is enrolled."""
        self.go("/login")
        self.page.fill("#username", name)
        self.page.fill("#password", PASSWORD)
        self.page.click("button.btn-main")
        if "/2fa/enrol" in self.page.url:
            self.seeds[name] = self.page.inner_text("[data-secret]")
            self.page.fill("[name=code]", self.code(name))
            self.page.click("button.btn-main")
            assert self.page.locator(".codes li").count() == 10
            self.page.click("a.btn-main")
        else:
            self.page.fill("[name=code]", self.code(name))
            self.page.click("button.btn-main")
        self.page.wait_for_selector("#cards")

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it stands."""
        # The page's own policy keeps scripts out; the inspector may go round it.
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa']})"
            ".then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
        )
        return [json.dumps(each)[:600] for each in found]


SEEDS: dict[str, dict[str, str]] = {}
STATES: dict[str, Any] = {}


def person(chromium: Any, server: Server, **options: Any) -> Person:
    """Somebody new at a fresh browser; complaints of the console are collected."""
    page = chromium.new_context(viewport={"width": 1440, "height": 900}, **options).new_page()
    somebody = Person(page, server, SEEDS.setdefault(server.address, {}))
    page.on(
        "console",
        lambda said: somebody.complaints.append(said.text) if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: somebody.complaints.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((server.address, "data:", "blob:", "ws://127.0.0.1"))
            else somebody.complaints.append(f"third party: {asked.url}")
        ),
    )
    return somebody


@pytest.fixture
def operator(chromium: Any, desk: Server) -> Iterator[Person]:
    """An operator who is signed in on the running desk."""
    state = STATES.get(desk.address)
    somebody = person(chromium, desk, storage_state=state) if state else person(chromium, desk)
    somebody.go()
    if "/login" in somebody.page.url:
        somebody.sign_in()
        STATES[desk.address] = somebody.page.context.storage_state()
    somebody.page.wait_for_selector("#cards")
    yield somebody
    somebody.page.context.close()
