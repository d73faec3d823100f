"""Every gateway plays every card on the sandbox exchange."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.contract.gateways import spoilt
from trading.management.commands import conformance
from trading.sandbox import cards
from trading.sandbox.stand import stand

BINANCE = conformance.VENUES["binance"]


@pytest.mark.parametrize(
    ("venue", "card"),
    [
        (venue, card)
        for venue, scene in conformance.VENUES.items()
        for card in cards.CARDS
        if card.partition(" ")[0] not in scene.excused
    ],
)
def test_a_gateway_holds_to_the_card(venue: str, card: str) -> None:
    played = cards.CARDS[card]
    plan = cards.PLANS.get(played, "")
    with stand(conformance.VENUES[venue], venue=venue, plan=plan) as ready:
        played(ready)


@pytest.mark.parametrize(("gateway", "card"), spoilt.CAUGHT_BY)
def test_a_gateway_that_breaks_a_rule_fails_its_card(gateway: spoilt.Spoil, card: str) -> None:
    played = cards.CARDS[card]
    plan = cards.PLANS.get(played, "")
    scene = replace(BINANCE, connect=gateway)
    with stand(scene, venue="binance", plan=plan) as ready, pytest.raises(cards.Failed):
        played(ready)


def test_the_command_lists_the_cards_and_says_which_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two = dict(list(cards.CARDS.items())[:2])
    monkeypatch.setattr(cards, "CARDS", two)
    out = tmp_path / "cards.json"
    call_command("conformance", venue="binance", json=str(out))
    told = json.loads(out.read_text())
    assert told["failed"] == 0
    assert [each["card"] for each in told["cards"]] == list(two)
    assert "2 of 2 cards hold" in capsys.readouterr().out


def test_the_command_fails_with_a_card(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = next(iter(cards.CARDS))
    monkeypatch.setattr(cards, "CARDS", {name: cards.CARDS[name]})
    monkeypatch.setattr(
        conformance, "VENUES", {"binance": replace(BINANCE, connect=spoilt.forgets_the_client_id)}
    )
    with pytest.raises(SystemExit):
        call_command("conformance", venue="binance", json=None)
    assert "0 of 1 cards hold" in capsys.readouterr().out
