"""The simulated venue: it lives in this process's database, and its prices are the desk's own."""

from trading.gateways.entry import Connection
from trading.gateways.sim import books
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules


def connect(venue: str, *, namespace: str) -> Connection:
    rules = SimRules(seed=namespace)
    return Connection(SimGateway(rules), rules.fees, books.writing)
