"""The one gate: an intent and a snapshot in, Approved or Denied out.

1. Every check is evaluated, whatever the others say; both answers carry all verdicts.
2. Denied carries every reason, worst first; nothing is ever cut.
3. A denial is a value, not an error; the same intent and snapshot give the same decision.
4. Arithmetic is exact to 50 digits whatever context the caller works in.
"""

from dataclasses import dataclass
from decimal import localcontext
from typing import Any

from aitrader.kernel.money import CONTEXT
from risk.domain.checks import CHECKS, Check
from risk.domain.exposure import intent_reduces
from risk.domain.reason import Finding, Passed, Reason, Verdict, reason_json, worst_first
from risk.domain.snapshot import GateIntent, RiskSnapshot


@dataclass(frozen=True, slots=True)
class Approved:
    """`reduces` says that the order can only shrink a position."""

    intent: GateIntent
    verdicts: tuple[Verdict, ...]
    reduces: bool


@dataclass(frozen=True, slots=True)
class Denied:
    """`reasons` is never empty, worst first."""

    intent: GateIntent
    verdicts: tuple[Verdict, ...]
    reduces: bool
    reasons: tuple[Reason, ...]


Decision = Approved | Denied


def decide(intent: GateIntent, snapshot: RiskSnapshot) -> Decision:
    """Whether the intent may become an order."""
    with localcontext(CONTEXT):
        reduces = intent_reduces(intent, snapshot)
        verdicts: list[Verdict] = []
        reasons: list[Reason] = []
        for check in CHECKS:
            if check.excused(intent, reduces=reduces):
                verdicts.append(Verdict(check.name, passed=True, limit="", value="", exempt=True))
                continue
            finding = check.run(intent, snapshot)
            verdicts.append(_verdict(check, finding))
            if isinstance(finding, Reason):
                reasons.append(finding)
    if reasons:
        return Denied(intent, tuple(verdicts), reduces, worst_first(reasons))
    return Approved(intent, tuple(verdicts), reduces)


def _verdict(check: Check, finding: Finding) -> Verdict:
    return Verdict(check.name, isinstance(finding, Passed), finding.limit, finding.value)


def to_json(decision: Decision) -> dict[str, Any]:
    """For the database and the journal: numbers as plain text, all verdicts, all reasons."""
    reasons = decision.reasons if isinstance(decision, Denied) else ()
    return {
        "decision": "DENIED" if reasons else "APPROVED",
        "intent_id": decision.intent.intent_id,
        "reduces": decision.reduces,
        "reasons": [reason_json(reason) for reason in reasons],
        "verdicts": [
            {
                "check": verdict.check,
                "passed": verdict.passed,
                "limit": verdict.limit,
                "value": verdict.value,
                "exempt": verdict.exempt,
            }
            for verdict in decision.verdicts
        ],
    }
