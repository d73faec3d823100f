"""Static files through the ASGI door, as a browser asks for them."""

from typing import Any

from asgiref.testing import ApplicationCommunicator

from aitrader.asgi import application
from aitrader.env import REPOSITORY

SHEET = "/static/css/app.css"
BYTES = (REPOSITORY / "static" / "css" / "app.css").read_bytes()


async def _get(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body; a warning on the way is an error in tests."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "query_string": b"",
        "headers": [(b"host", b"localhost"), *given],
    }  # fmt: skip
    asked = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request"})
    start: dict[str, Any] = await asked.receive_output()
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    body, more = b"", True
    while more:
        part: dict[str, Any] = await asked.receive_output()
        body, more = body + part.get("body", b""), part.get("more_body", False)
    await asked.wait()
    return start["status"], told, body


async def test_a_static_file_comes_whole_and_without_a_complaint() -> None:
    status, headers, body = await _get(SHEET)
    assert (status, body) == (200, BYTES)
    assert headers["content-type"].startswith("text/css")
    assert headers["content-length"] == str(len(BYTES))


async def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    _, headers, _ = await _get(SHEET)
    status, _, body = await _get(SHEET, if_none_match=headers["etag"])
    assert (status, body) == (304, b"")


async def test_only_the_headers_of_a_file_may_be_asked_for() -> None:
    status, headers, body = await _get(SHEET, "HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(BYTES)), b"")


async def test_a_part_of_a_file_may_be_asked_for() -> None:
    status, headers, body = await _get(SHEET, range="bytes=10-19")
    assert (status, body) == (206, BYTES[10:20])
    assert headers["content-range"] == f"bytes 10-19/{len(BYTES)}"
    assert headers["content-length"] == "10"


async def test_a_static_file_takes_no_post() -> None:
    status, headers, _ = await _get(SHEET, "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
