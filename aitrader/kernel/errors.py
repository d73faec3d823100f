"""The error tree.

AitraderError                     everything we raise on purpose
├── BadInput                      the caller's input is wrong; the message is one clear line
│   ├── InvalidAmount             not a finite decimal
│   ├── InvalidBar                a market-data row, with file and line
│   ├── UnknownStrategy
│   ├── VenueAway                 nothing wrong with it: the venue does not answer, or trade, now
│   └── ParameterOutOfBounds
├── Refused                       the input is well formed but not allowed now
│   ├── NotPermitted              the person may not do this
│   └── StepUpRequired            a fresh one-time password is needed
├── IntegrityFailure              books and facts disagree; trading on the account stops
└── GatewayError                  only these three leave a gateway
    ├── NotSent                   proven that nothing reached the venue
    ├── RejectedByVenue           the venue said no, with its code
    └── OutcomeUnknown            anything else: never treated as a rejection

A denial by the risk gate is a return value, not an error.
"""


class AitraderError(Exception):
    """Root of the tree."""


class BadInput(AitraderError):
    """Wrong input; `str(error)` is fit to show to a user."""


class InvalidAmount(BadInput):
    """Not a finite decimal number."""


class InvalidBar(BadInput):
    """A market-data row that cannot be trusted."""


class UnknownStrategy(BadInput):
    """No strategy of that name."""


class VenueAway(BadInput):
    """What was asked for needs a venue that does not answer, or does not trade it, now."""


class ParameterOutOfBounds(BadInput):
    """A strategy parameter outside its declared bounds."""


class Refused(AitraderError):
    """Well formed, but not allowed now."""


class NotPermitted(Refused):
    """The person lacks the permission."""


class StepUpRequired(Refused):
    """A fresh one-time password is needed."""


class IntegrityFailure(AitraderError):
    """Books and facts disagree."""


class GatewayError(AitraderError):
    """Root of what a gateway may raise."""


class NotSent(GatewayError):
    """Nothing reached the venue: the send may be tried again."""


class RejectedByVenue(GatewayError):
    """A definite refusal. `code` is the venue's own.

    `gone`: the venue has no such open order; no other refusal of a cancel says anything of it.
    `of_key`: it is our key that is refused, whatever was asked.
    `of_balance`: the account does not hold what the order would take.
    """

    def __init__(
        self,
        code: str,
        text: str,
        *,
        gone: bool = False,
        of_key: bool = False,
        of_balance: bool = False,
    ) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.gone = gone
        self.of_key = of_key
        self.of_balance = of_balance


class OutcomeUnknown(GatewayError):
    """The venue may or may not have acted."""
