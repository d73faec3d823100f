"""The pictures of the documentation: `make screenshots`.

A desk trades the simulated market on a database of its own; each page is taken as an
operator sees it.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aitrader.settings.test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    given = parser.parse_args()

    import django

    django.setup()
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, person

    if CHROMIUM is None:
        sys.exit("no Chromium on PATH (Debian: apt-get install chromium)")
    given.out.mkdir(parents=True, exist_ok=True)
    with running_desk() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        take(person(browser, server), given.out)
        browser.close()
    for path in sorted(given.out.glob("*.png")):
        print(f"{path} {path.stat().st_size // 1024} KB")


@contextmanager
def running_desk() -> Iterator[Any]:
    """A desk on a database of its own, dropped afterwards."""
    from aitrader import databases, env
    from aitrader.embedded import postgres
    from tests.browser.conftest import start, stop

    if env.load().database_url is None:
        postgres.start()
    name = f"aitrader_test_{os.getpid()}_screenshots"
    databases.create(name, template=databases.template())
    server = start(name, "--warm", "420", "--pace", "0.5")
    try:
        yield server
    finally:
        stop(server)
        databases.drop(name)


def take(somebody: Any, out: Path) -> None:
    """Walk through the desk and take each page."""
    from tests.browser.conftest import PASSWORD

    page = somebody.page

    def shot(name: str) -> None:
        page.screenshot(path=out / f"{name}.png")

    somebody.go("/login")
    shot("login")
    page.fill("#username", "admin")
    page.fill("#password", PASSWORD)
    page.click("button.btn-main")
    page.wait_for_function("() => document.querySelector('.qr').complete")
    shot("two-factor")
    somebody.seeds["admin"] = page.inner_text("[data-secret]")
    page.fill("[name=code]", somebody.code())
    page.click("button.btn-main")
    page.click("a.btn-main")
    live(page)
    shot("home")
    page.keyboard.press("Shift+H")
    shot("halt-dialog")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('state').innerText.includes('HALTED')")
    page.locator("#alerts .line").first.wait_for()
    page.wait_for_timeout(800)
    shot("halted")
    somebody.go("/orders?show=filled")
    page.locator("tbody tr", has_text="FILLED").first.locator("a").click()
    shot("order")
    somebody.go("/journal")
    shot("journal")
    somebody.go("/venues")
    shot("venues")
    somebody.go("/admin/trading/order/")
    page.wait_for_timeout(500)
    shot("admin-orders")
    page.set_viewport_size({"width": 390, "height": 844})
    somebody.go("/")
    live(page)
    shot("phone")


def live(page: Any) -> None:
    """Wait until the page moves by itself and the chart is drawn."""
    page.wait_for_function("() => document.getElementById('conn').innerText.includes('live')")
    page.wait_for_selector("#chart canvas")
    page.wait_for_timeout(1_000)


if __name__ == "__main__":
    main()
