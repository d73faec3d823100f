"""For tests: the same desk, with a cheap password hash and a fixed key."""

from aitrader import env

# Before the rest is read: tests keep a cluster of their own beside the desk's.
env.nest_home("test")

from aitrader.settings.base import *  # noqa: E402  # after the line above

# The tests' cluster keeps nothing.
AITRADER_DURABLE = False
SECRET_KEY = "for tests only: never a deployment's key"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1", "[::1]"]
# Argon2 is slow on purpose; a test that logs in should not be.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
