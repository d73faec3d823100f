"""The built and vendored files are those that were committed, byte for byte."""

import hashlib

from aitrader.env import REPOSITORY

MANIFEST = REPOSITORY / "static" / "manifest.sha256"
FOLDERS = ("static", "tests/browser/vendor")


def test_every_file_has_its_digest() -> None:
    told = {}
    for line in MANIFEST.read_text(encoding="ascii").splitlines():
        digest, path = line.split("  ")
        told[path] = digest
    found = {
        path.relative_to(REPOSITORY).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in FOLDERS
        for path in sorted((REPOSITORY / folder).rglob("*"))
        if path.is_file() and path != MANIFEST
    }
    assert found == told, "run `npm install --ignore-scripts && npm run build` and commit"


def test_vendored_scripts_come_with_their_licences() -> None:
    names = {path.name for path in (REPOSITORY / "static" / "vendor").iterdir()}
    assert {"htmx.LICENSE", "lightweight-charts.LICENSE", "NOTICE"} <= names
    notice = (REPOSITORY / "static" / "vendor" / "NOTICE").read_text(encoding="utf-8")
    assert "tradingview.com" in notice


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (REPOSITORY / "package-lock.json").read_text(encoding="utf-8")
