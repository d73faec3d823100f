"""What an operator does, done in a browser."""

import re
import time
from typing import Any

from tests.browser.conftest import Person, Server, person


def _state(page: Any) -> str:
    return str(page.inner_text("#state"))


def _wait_for_state(page: Any, words: str, seconds: float) -> float:
    start = time.monotonic()
    page.wait_for_function(
        "words => document.getElementById('state').innerText.includes(words)",
        arg=words,
        timeout=seconds * 1000,
    )
    return time.monotonic() - start


def _release(somebody: Person) -> None:
    page = somebody.page
    page.click('[data-open="release-dialog"]')
    page.fill("#release-reason", "checked")
    page.fill("#release-code", somebody.code())
    page.click("#release-dialog button.btn-main")
    page.wait_for_function(
        "() => !document.querySelector('#release-dialog[open]')"
        " || document.querySelector('#release-dialog .problem').innerText"
    )
    assert page.locator("#release-dialog[open]").count() == 0, page.inner_text("#release-dialog")
    _wait_for_state(page, "Trading enabled", 5)


def test_home_is_live_without_a_complaint(operator: Person) -> None:
    page = operator.page
    page.wait_for_function("() => document.getElementById('conn').innerText.includes('live')")
    before = page.inner_text("#card-feed ~ .card-note >> nth=0")
    page.wait_for_function(
        "before => document.querySelector('#card-feed ~ .card-note').innerText !== before",
        arg=before,
        timeout=5_000,
    )
    assert "◆ PAPER" in _state(page)
    assert "SIMULATED" in _state(page)
    assert page.locator("#chart canvas").count() > 0
    assert operator.complaints == []


def test_halt_in_two_clicks_reaches_both_screens_and_release_asks_a_code(
    operator: Person, chromium: Any, desk: Server
) -> None:
    second = person(chromium, desk)
    second.page.context.add_cookies(operator.page.context.cookies())
    second.go("/orders")
    second.page.wait_for_function(
        "() => document.getElementById('conn').innerText.includes('live')"
    )

    operator.page.click('#state [data-open="halt-dialog"]')
    operator.page.click("#halt-dialog button.btn-halt")
    assert _wait_for_state(operator.page, "HALTED", 3) < 1.5
    assert _wait_for_state(second.page, "HALTED", 3) < 1.5
    assert operator.page.locator('#state [data-open="halt-dialog"]').count() == 0

    operator.page.click('[data-open="release-dialog"]')
    operator.page.fill("#release-reason", "checked")
    operator.page.fill("#release-code", "12345")
    operator.page.click("#release-dialog button.btn-main")
    operator.page.wait_for_function(
        "() => document.querySelector('#release-dialog .problem').innerText.length > 0"
    )
    assert "HALTED" in _state(operator.page)
    operator.page.click("#release-dialog [data-close]")
    _release(operator)
    _wait_for_state(second.page, "Trading enabled", 3)
    # The refusal of the wrong code is the only thing the console has seen.
    assert all("403" in said for said in operator.complaints)
    second.page.context.close()


def test_halt_with_the_keyboard_alone_sends_one_request(operator: Person) -> None:
    page = operator.page
    sent: list[str] = []
    page.on(
        "request", lambda asked: sent.append(asked.url) if asked.url.endswith("/halt") else None
    )
    page.keyboard.press("Shift+H")
    assert page.locator("#halt-dialog[open]").count() == 1
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    _wait_for_state(page, "HALTED", 3)
    assert len(sent) == 1
    _release(operator)


def test_the_shortcut_is_ignored_while_typing(operator: Person) -> None:
    page = operator.page
    page.keyboard.press("Shift+H")
    page.fill("#halt-reason", "")
    page.type("#halt-reason", "H is a letter")
    assert page.input_value("#halt-reason") == "H is a letter"
    page.keyboard.press("Escape")
    assert page.locator("#halt-dialog[open]").count() == 0


def test_a_strategy_is_switched_in_two_clicks(operator: Person) -> None:
    page = operator.page
    switch = page.locator("#strategies [role=switch]").first
    for verb, state in (("Disable", "false"), ("Enable", "true")):
        switch.click()
        assert verb in page.inner_text("#strategy-dialog h2")
        page.click("#strategy-dialog button.btn-main")
        page.wait_for_function(
            "state => document.querySelector('#strategies [role=switch]')"
            ".getAttribute('aria-checked') === state",
            arg=state,
        )
    assert operator.complaints == []


def test_an_alert_comes_by_itself_and_goes_with_one_click(operator: Person) -> None:
    page = operator.page
    told = """() => [...document.querySelectorAll('#alerts .line')].map(each => each.innerText)
                    .find(text => text.includes('Trading is HALTED')) || ''"""
    # An earlier halt may stand there still: this one is counted on it.
    before = page.evaluate(told)
    page.keyboard.press("Shift+H")
    page.keyboard.press("Enter")
    page.wait_for_function(
        f"before => {{ const now = ({told})(); return now && now !== before; }}",
        arg=before,
        timeout=5_000,
    )
    page.locator("#alerts .line", has_text="Trading is HALTED").first.locator("button").click()
    page.wait_for_function(
        "() => !document.querySelector('#alerts').innerText.includes('Trading is HALTED')"
    )
    _release(operator)


def test_a_fill_is_found_in_the_journal_in_two_clicks(operator: Person) -> None:
    page = operator.page
    operator.go("/orders?show=filled")
    page.locator("tbody tr", has_text="FILLED").first.locator("a").click()
    page.locator(".line", has_text="order.filled").first.locator("a").click()
    assert "the hash matches the bytes" in page.inner_text("main")


def test_a_silent_feed_is_seen_within_seconds(operator: Person, desk: Server) -> None:
    page = operator.page
    desk.tell("pause")
    try:
        page.wait_for_function(
            "() => /data .* old/.test(document.getElementById('conn').innerText)", timeout=12_000
        )
        page.wait_for_selector("#cards .is-stale", timeout=12_000)
        assert operator.violations() == []
    finally:
        desk.tell("resume")
    page.wait_for_function("() => document.getElementById('conn').innerText.includes('live')")


def test_a_session_that_ends_closes_the_socket(operator: Person) -> None:
    page = operator.page
    page.wait_for_function("() => document.getElementById('conn').innerText.includes('live')")
    token = page.get_attribute("body", "hx-headers")
    found = re.search(r'"X-CSRFToken": "(\w+)"', token or "")
    assert found is not None
    # Logged out elsewhere: this page is not told by anything but its socket.
    page.context.request.post(
        operator.server.address + "/logout",
        headers={"X-CSRFToken": found[1], "Referer": operator.server.address},
    )
    page.wait_for_url("**/login*", timeout=15_000)


def test_pages_are_accessible_and_fit_a_phone(operator: Person) -> None:
    page = operator.page
    page.locator("#orders a").first.wait_for()
    order = page.locator("#orders tbody a").first.get_attribute("href")
    for path in (
        "/",
        "/orders",
        "/venues",
        "/journal",
        "/journal/0",
        "/me",
        "/no/such/page",
        order,
    ):
        operator.go(path)
        page.wait_for_timeout(400)
        assert operator.violations() == [], path
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        for path in (
            "/",
            "/orders",
            "/venues",
            "/journal",
            "/journal/0",
            "/me",
            "/no/such/page",
            order,
        ):
            operator.go(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    page.set_viewport_size({"width": 390, "height": 844})
    operator.go("/")
    assert operator.violations() == []


def test_halted_and_dialogs_are_accessible(operator: Person) -> None:
    page = operator.page
    page.keyboard.press("Shift+H")
    assert operator.violations() == []
    page.keyboard.press("Enter")
    _wait_for_state(page, "HALTED", 3)
    assert operator.violations() == []
    page.click('[data-open="release-dialog"]')
    assert operator.violations() == []
    page.keyboard.press("Escape")
    _release(operator)


def test_an_empty_desk_is_accessible_and_says_what_to_do(chromium: Any, empty_desk: Server) -> None:
    somebody = person(chromium, empty_desk)
    somebody.go("/")
    assert somebody.violations() == []
    somebody.sign_in()
    assert "make run" in somebody.page.inner_text("main")
    assert somebody.violations() == []
    assert somebody.complaints == []
    somebody.page.context.close()


def test_who_may_not_cannot(chromium: Any, desk: Server) -> None:
    somebody = person(chromium, desk)
    somebody.sign_in("viewer")
    page = somebody.page
    assert page.locator('#state [data-open="halt-dialog"]').is_disabled()
    page.keyboard.press("Shift+H")
    assert page.locator("#halt-dialog[open]").count() == 0
    assert page.locator("#strategies [role=switch]").first.get_attribute("aria-disabled") == "true"
    assert somebody.violations() == []
    somebody.page.context.close()


def test_whose_second_factor_is_reset_enrols_anew(
    operator: Person, chromium: Any, desk: Server
) -> None:
    page = operator.page
    lost = person(chromium, desk)
    lost.sign_in("viewer")
    operator.go("/admin/compliance/operator/")
    page.locator("table a", has_text="viewer").first.click()
    page.click("text=Reset second factor")
    page.fill("#dialog [name=reason]", "phone lost")
    page.fill("#dialog [name=code]", operator.code())
    page.click("#dialog button[type=submit]")
    page.locator("text=A new device is enrolled at the next log-in.").wait_for()
    # Nobody touches that browser: its socket finds out.
    lost.page.wait_for_url("**/login*", timeout=15_000)
    assert "◆ PAPER" in lost.page.inner_text(".gate-panel")
    assert lost.violations() == []
    del lost.seeds["viewer"]
    lost.sign_in("viewer")
    assert "viewer" in lost.seeds
    lost.page.context.close()


def test_new_recovery_codes_are_made_with_a_fresh_code(operator: Person) -> None:
    page = operator.page
    operator.go("/me")
    page.fill("#codes-code", operator.code())
    page.click("text=Make new recovery codes")
    assert page.locator(".codes li").count() == 10
    assert "◆ PAPER" in page.inner_text(".gate-panel")
    assert operator.violations() == []
    page.click("a.btn-main")
    assert page.url.endswith("/me")


def test_the_home_page_stays_light(chromium: Any, desk: Server) -> None:
    somebody = person(chromium, desk)
    somebody.sign_in()
    seen: set[str] = set()
    page = somebody.page
    page.on("requestfinished", lambda asked: seen.add(asked.url))
    somebody.go("/")
    page.wait_for_load_state("load")
    # The page and its files; parts of it are refreshed as the market moves.
    files = {url for url in seen if "/static/" in url}
    assert 3 < len(files) <= 9, files
    page.context.close()
