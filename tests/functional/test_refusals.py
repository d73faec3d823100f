"""Refused requests: inside, a page of the desk; outside, mode, source, the refusal and no more."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from compliance.domain.roles import Role
from compliance.models import JournalEntry, Operator
from dashboard.views import pages
from tests.factories import desk as factory

NOWHERE = [
    "/no/such/page",
    "/orders/NOTHING",
    "/journal/999",
    "/bars?instrument=SIM:NONE",
    "/admin/nothing/",
    "/static/nothing.css",
]


def _text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def _is_in_the_frame(answer: Any) -> bool:
    """The strip with mode, source and state, the button that halts, and one headline."""
    body, text = answer.content.decode(), _text(answer)
    words = ("◆ PAPER", "SIMULATED ×60", "● Trading enabled", "■ Halt all", "Log out")
    return (
        all(word in text for word in words)
        and body.count("<h1") == 1
        and 'data-open="halt-dialog"' in body
    )


def _is_bare(answer: Any) -> bool:
    """A page in our looks that says mode and source, and nothing else of the desk."""
    text = _text(answer)
    return all(word in text for word in ("aitrader", "◆ PAPER", "SIMULATED")) and not any(
        word in text for word in ("×60", "Halt", "Trading", "seed 1", "PAPER-1")
    )


@pytest.mark.parametrize("path", NOWHERE)
def test_an_address_that_does_not_exist_is_a_page_of_the_desk(
    desk: factory.Desk, browser: Client, path: str
) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert _is_in_the_frame(answer)
    assert "There is nothing at this address" in _text(answer)
    assert "no-store" in answer["Cache-Control"]


def test_what_another_role_may_do_is_refused_on_a_page_of_the_desk(
    desk: factory.Desk, as_role: Callable[[Role], Client]
) -> None:
    auditor = as_role(Role.COMPLIANCE)
    for path in (
        reverse("admin:risk_tradingstaterow_halt_all"),
        reverse("admin:risk_limit_change_limit"),
        reverse("admin:trading_order_cancel_order", args=[desk.unknown.pk]),
    ):
        for answer in (auditor.get(path), auditor.post(path, {"_form_submitted": "True"})):
            assert answer.status_code == 403, path
            assert _is_in_the_frame(answer), path
            assert "Your roles do not allow this" in _text(answer)


def test_a_refusal_is_one_line_of_the_log_and_a_fault_brings_its_traceback(
    desk: factory.Desk,
    as_role: Callable[[Role], Client],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    auditor = as_role(Role.COMPLIANCE)
    auditor.raise_request_exception = False
    path = reverse("admin:risk_tradingstaterow_halt_all")
    auditor.get(path)
    Client().get("/login", headers={"host": "evil.example"})
    monkeypatch.setattr(pages, "frame", None)
    auditor.get("/")
    description = dict(settings.LOGGING["formatters"]["json"])
    formatter: logging.Formatter = description.pop("()")(**description)
    lines = [json.loads(formatter.format(record)) for record in caplog.records]
    told = [(line["status_code"], "exception" in line) for line in lines]
    assert told == [(403, False), (400, False), (500, True)]
    assert lines[0]["event"] == f"Forbidden (Permission denied): {path}"


def test_a_form_that_has_expired_is_refused_on_a_page_of_the_desk(
    desk: factory.Desk, everyone: Operator
) -> None:
    client = factory.verified(everyone, enforce_csrf_checks=True)
    before = JournalEntry.objects.count()
    answer = client.post("/halt", {"reason": "x", "key": "k"})
    assert answer.status_code == 403
    assert _is_in_the_frame(answer)
    assert "Nothing was done" in _text(answer)
    assert JournalEntry.objects.count() == before


def test_without_a_desk_the_page_says_so(browser: Client) -> None:
    answer = browser.get("/no/such/page")
    assert answer.status_code == 404
    assert "no feed" in _text(answer)


def test_a_halted_desk_says_so_on_a_refusal_too(desk: factory.Desk, browser: Client) -> None:
    browser.post("/halt", {"reason": "drill", "key": "k" * 24})
    text = _text(browser.get("/no/such/page"))
    assert "■ HALTED by first" in text
    assert "Trading enabled" not in text


@pytest.mark.parametrize("path", ["/no/such/page", "/admin/nothing/"])
def test_a_refusal_keeps_the_policy_and_shows_what_was_asked_as_text(
    desk: factory.Desk, browser: Client, path: str
) -> None:
    answer = browser.get(f"{path}%3Cscript%3Ealert(1)%3C/script%3E")
    body = answer.content.decode()
    assert answer.status_code == 404
    assert "&lt;script&gt;alert(1)" in body
    assert "<script>" not in body
    assert " style=" not in body
    assert "<style" not in body


def test_who_is_outside_learns_mode_and_source_and_no_more(
    desk: factory.Desk, half_way: Client
) -> None:
    stranger = Client(enforce_csrf_checks=True)
    answers = {
        403: stranger.post("/login", {"username": "first", "password": "x"}),
        404: half_way.get("/2fa/qr.svg"),
        400: Client().get("/login", headers={"host": "evil.example"}),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert _is_bare(answer), status
        assert "Nothing was done" in _text(answer) or status == 404


def test_a_locked_name_is_told_so_on_a_page(desk: factory.Desk, everyone: Operator) -> None:
    stranger = Client()
    for _ in range(5):
        answer = stranger.post("/login", {"username": everyone.username, "password": "wrong"})
    assert answer.status_code == 429
    assert _is_bare(answer)
    assert "5 failures in a row: this name is locked here for 0:15:00" in _text(answer)


def test_a_fragment_and_a_program_are_refused_without_a_page(
    desk: factory.Desk, browser: Client, everyone: Operator
) -> None:
    # The words go into the place of the form that asked: see htmx:afterRequest in desk.js.
    asked = browser.post("/orders/NOTHING/cancel", {}, headers={"HX-Request": "true"})
    form = factory.verified(everyone, enforce_csrf_checks=True)
    expired = form.post("/halt", {"reason": "x"}, headers={"HX-Request": "true"})
    for answer, status in ((asked, 404), (expired, 403)):
        assert answer.status_code == status
        assert answer["Content-Type"].startswith("text/plain")
        assert "Nothing was done" in answer.content.decode()
        assert b"<" not in answer.content
    nowhere = browser.get("/api/v1/nothing")
    assert nowhere.status_code == 404
    assert nowhere["Content-Type"] == "application/problem+json"
    assert nowhere.json()["status"] == 404
    chart = browser.get("/d/chart.json?instrument=SIM:NONE")
    assert chart.status_code == 404
    assert chart.json()["status"] == 404


def test_a_fault_of_the_desk_is_a_page_that_asks_the_database_nothing(
    desk: factory.Desk, everyone: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: HttpRequest) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(pages, "frame", fail)
    client = factory.verified(everyone, raise_request_exception=False)
    answer = client.get("/")
    assert answer.status_code == 500
    text = _text(answer)
    assert "A fault of the desk" in text
    assert "mode and trading state are not known here" in text
    assert "PAPER" not in text
    assert "nobody thought of this" not in text
