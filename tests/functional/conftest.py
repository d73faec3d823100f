"""Browsers of each kind, on a small desk."""

from collections.abc import Callable

import pytest
from django.test import Client

from compliance.domain.roles import Role
from compliance.models import Operator
from tests.factories import desk as factory


@pytest.fixture
def installed(db: None) -> None:
    factory.install()


@pytest.fixture
def desk(installed: None) -> factory.Desk:
    made = factory.desk()
    factory.number_everything()
    return made


@pytest.fixture
def everyone(installed: None) -> Operator:
    """The first operator of a paper desk: trader, risk and admin at once."""
    return factory.operator("first", Role.TRADER, Role.RISK, Role.ADMIN)


@pytest.fixture
def browser(everyone: Operator) -> Client:
    return factory.verified(everyone)


@pytest.fixture
def half_way(everyone: Operator) -> Client:
    return factory.password_only(everyone)


@pytest.fixture
def as_role(installed: None) -> Callable[[Role], Client]:
    return lambda role: factory.verified(factory.operator(f"only-{role}", role))
