"""A sandbox exchange: a pure matching core, served by the protocols of real venues."""
