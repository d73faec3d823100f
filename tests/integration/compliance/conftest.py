"""An installed database."""

import pytest

from compliance.services import access, installation
from tests.integration.compliance.writing import NOW


@pytest.fixture
def installed(db: None) -> str:
    """Named and with roles; rolled back at the end."""
    access.sync_roles()
    return installation.install(namespace="seed-1", now=NOW)


@pytest.fixture
def installed_fresh(fresh_database: str) -> str:
    """Named and with roles; commits are real."""
    access.sync_roles()
    return installation.install(namespace="seed-1", now=NOW)
