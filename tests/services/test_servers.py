"""The servers of the services tier are what the tier needs."""

import pytest
import redis
from django.db import connection

from aitrader import databases, env

pytestmark = pytest.mark.services


@pytest.mark.django_db
def test_postgresql_is_new_enough_and_durable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_user")
        version, user = cursor.fetchone()
        assert databases.forgetful() == []
    assert version >= 150_000
    assert user != "postgres"


def test_redis_answers() -> None:
    url = env.load().redis_url
    assert url is not None
    with redis.Redis.from_url(url.get_secret_value()) as client:
        assert client.ping()
