"""Every gateway plays every card on the sandbox exchange."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command

from aitrader.kernel.errors import GatewayError
from tests.contract.gateways.spoilt import SPOILT, Spoilt, forgets_the_client_id
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


def _named(each: Spoilt) -> str:
    return f"{each.card.partition(' ')[0]} {each.says}"


def _found(broken: Spoilt, card: str) -> str:
    """What the card says of the gateway; nothing when it holds."""
    played = cards.CARDS[card]
    scene = replace(conformance.VENUES[broken.venue], connect=broken.gateway)
    with stand(scene, venue=broken.venue, plan=cards.PLANS.get(played, "")) as ready:
        try:
            played(ready)
        except (cards.Failed, GatewayError) as error:
            return str(error)
    return ""


@pytest.mark.parametrize("broken", SPOILT, ids=_named)
def test_a_gateway_that_breaks_a_rule_fails_its_card(broken: Spoilt) -> None:
    assert broken.says in _found(broken, broken.card)


def test_every_card_has_a_gateway_that_fails_it() -> None:
    assert {each.card for each in SPOILT} == set(cards.CARDS)


@pytest.mark.prove
@pytest.mark.parametrize("broken", SPOILT, ids=_named)
def test_a_gateway_that_breaks_a_rule_fails_no_other_card(broken: Spoilt) -> None:
    excused = conformance.VENUES[broken.venue].excused
    others = [
        card
        for card in cards.CARDS
        if card != broken.card and card.partition(" ")[0] not in excused
    ]
    assert {card: said for card in others if (said := _found(broken, card))} == {}


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
        conformance, "VENUES", {"binance": replace(BINANCE, connect=forgets_the_client_id)}
    )
    with pytest.raises(SystemExit):
        call_command("conformance", venue="binance", json=None)
    assert "0 of 1 cards hold" in capsys.readouterr().out
