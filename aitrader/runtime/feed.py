"""The feed of a market: opened under a code that finds its rows again, driven in a thread.

1. The code is made of everything that decides a result and of a generation: the same market goes
   on where it stopped, an ended one begins anew with another account. An account at a venue is one
   for ever: it is known by its key, and its feed goes on whatever ended it.
2. A fault of the source ends the feed with one line, but for one in real time: that is believed no
   longer, and opened anew after pauses that grow. A database that is away is waited for, and then
   a venue that does not answer yet; at the start only by a standby. That no first bar comes is
   said, and what was recorded before is not believed meanwhile.
3. A market in real time goes on after the last bars recorded of it.
4. Whatever happens here ends this thread only. It drives alone: who lost the desk's place on the
   database to this process, and is only stopped, loses the feed to it, too.
5. Beside it run the user stream of an account at a venue, which only wakes, the second source of
   prices, the reading of the instruments' rules and the asking for late bars, which only record;
   and, as long as it drives, the watch over the line of a market in real time.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from threading import Event, Thread, Timer

import structlog
from django.db import InterfaceError, OperationalError, connections

from aitrader import paper
from aitrader.celery import app
from aitrader.kernel.clock import WALL, Moment, monotonic
from aitrader.kernel.errors import BadInput, Refused, VenueAway
from aitrader.kernel.topics import Task
from aitrader.paper import Market, PaperDesk, PaperOptions
from aitrader.runtime.beside import Beside
from aitrader.runtime.instrument_rules import InstrumentRules
from aitrader.runtime.late_bars import LateBars
from aitrader.runtime.second_source import SecondSource
from trading.domain.bar import interval_name
from trading.gateways import line_watch, registry
from trading.gateways.line_watch import LineWatch
from trading.gateways.streams import UserStream
from trading.models import Feed
from trading.services import feeds, reconciliation, setup
from trading.services.bar_steps import Step
from trading.services.feed_driver import FeedDriver
from trading.tasks.waking import wake

_RETRY_SECONDS = 1.0
#: An instrument that shows no price in so many steps is not waited for.
_FIRST_STEPS = 500
#: Between tries to open a market in real time.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 15.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A market with its desk; the steps are read once, the first one included."""

    market: Market
    made: PaperDesk
    steps: Iterator[Step]


class FeedThread(Thread):
    """Opens a market's desk in the caller's thread, then drives it in its own. `patient`: waits for
    a venue that does not answer, until `stopping` is set; then it raises BadInput."""

    def __init__(
        self,
        options: PaperOptions,
        namespace: str,
        say: Callable[[str], None],
        *,
        patient: bool = False,
        stopping: Event | None = None,
    ) -> None:
        super().__init__(name="feed", daemon=True)
        # An app is current in the thread that made it only; calls leave from others.
        app.set_default()
        self._options = options
        self._namespace = namespace
        self._say = say
        self._stopping = stopping or Event()
        self._pause = _FIRST_PAUSE_SECONDS
        self._opened = self._at_last() if patient else self._open()
        # The claim itself belongs to the connection of the thread that drives.
        feeds.end_driver(self.made.desk.feed)
        self._user_stream: UserStream | None = None
        self._beside: list[Beside] = []
        self._watch = LineWatch(self._heard_at, on_line=self._on_source)
        self.failed = False

    @property
    def market(self) -> Market:
        return self._opened.market

    @property
    def made(self) -> PaperDesk:
        return self._opened.made

    def stop(self) -> None:
        """Ask the thread to end at the next instant at which nothing is half done."""
        self._stopping.set()
        if self._user_stream is not None:
            self._user_stream.stop()
        for each in self._beside:
            each.stop()

    def recover(self) -> None:
        """Take up orders that a dead process left behind; only where no sender is alive."""
        made = self.made
        if made.desk.feed.market_at is not None:
            at = Moment(market=made.desk.feed.market_at, wall=WALL.now())
            made.desk.refresh_bars()
            reconciliation.recover(desk=made.desk, gateway=made.gateway, at=at)

    def run(self) -> None:
        self._listen()
        self._look_around()
        try:
            while not self._stopping.is_set():
                try:
                    self._drive(self._opened)
                    return
                except (OperationalError, InterfaceError) as error:
                    self._wait_for_database(error)
                except Refused:
                    raise
                except Exception as error:
                    if self.market.live is None:
                        raise
                    log.exception("feed.broken")
                    self._distrust(f"{type(error).__name__}: {error}")
                again = self._again()
                if again is None:
                    return
                self._opened = again
        except Refused as error:
            # The feed is well: somebody else drives it.
            self.failed = True
            self._say(str(error))
        except BadInput as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("feed.failed")
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            # What is not driven here is not read here either: it may be heard by another process.
            self._watch.stop()
            connections.close_all()

    def _heard_at(self) -> float:
        """Of the market as it was opened last."""
        told = self.market.heard_at
        return float("-inf") if told is None else told()

    def _listen(self) -> None:
        line = self.made.line
        if line is None:
            return
        self._user_stream = UserStream(
            line, on_news=lambda: self._wake(Task.FOLLOW), on_line=self._on_line
        )
        self._user_stream.start()

    def _look_around(self) -> None:
        desk, options = self.made.desk, self._options
        self._beside.append(InstrumentRules(options.venue, instruments=desk.instruments))
        if self.market.live is not None:
            self._beside.append(
                SecondSource(
                    options.second_source,
                    feed_id=desk.feed.pk,
                    instruments=desk.instruments,
                    say=self._say,
                )
            )
            if options.venue:
                self._beside.append(
                    LateBars(
                        options.venue,
                        feed_id=desk.feed.pk,
                        interval=desk.interval,
                        instruments=desk.instruments,
                    )
                )
        for each in self._beside:
            each.start()
        if self.market.heard_at is not None:
            self._watch.start()

    def _on_line(self, up: bool, reason: str) -> None:
        feed = self.made.desk.feed
        note = partial(feeds.note_line, feed=feed, up=up, reason=reason)
        if _noted(note, self._stopping) and up:
            # Orders and trades of other hands too: what was missed is not told again.
            self._wake(Task.RECONCILE)

    def _on_source(self, up: bool, reason: str) -> None:
        feed = self.made.desk.feed
        _noted(partial(feeds.note_feed_line, feed=feed, up=up, reason=reason), self._stopping)

    def _drive(self, opened: _Opened) -> None:
        market, made = opened.market, opened.made
        feed = Feed.objects.get(pk=made.desk.feed.pk)
        feeds.claim(feed)
        facts = {"fingerprint": market.fingerprint, "kind": market.kind}
        feeds.start(
            feed=feed,
            source=market.source,
            speed=self._options.speed,
            facts=facts,
            now=WALL.now(),
        )
        driver = FeedDriver(
            desk=made.desk,
            gateway=made.gateway,
            engine=made.engine,
            wake=self._wake,
            wall=WALL,
            stop=self._stopping,
            # In real time the bars themselves are the pace.
            speed=None if market.live else self._options.speed,
        )
        if driver.run(opened.steps):
            setup.finish_feed(feed_id=feed.pk, now=WALL.now())
            self._say(f"{market.source} {market.title} has ended; the desk stays up")

    def _wake(self, task: Task) -> None:
        wake(task, self.made.desk.account.pk)

    def _distrust(self, reason: str) -> None:
        """Say it however long the database is away, then pause; longer each time it told nothing
        since it was opened anew."""
        feed_id, told = self.made.desk.feed.pk, None
        while told is None and not self._stopping.is_set():
            try:
                told = feeds.distrust(feed_id=feed_id, reason=reason[:200], now=WALL.now())
            except (OperationalError, InterfaceError) as error:
                self._wait_for_database(error)
        if told:
            self._pause = _FIRST_PAUSE_SECONDS
        self._rest()

    def _rest(self) -> None:
        # Not all clients at the same instant.
        self._stopping.wait(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(_LONGEST_PAUSE_SECONDS, 2 * self._pause)

    def _at_last(self) -> _Opened:
        """The market of a standby, however long its venue or the database is away."""
        told = False
        while not self._stopping.is_set():
            try:
                return self._open()
            except VenueAway as error:
                if not told:
                    self._say(f"standby: {error}; it is waited for")
                told = True
                self._rest()
            except (OperationalError, InterfaceError) as error:
                self._wait_for_database(error)
        raise BadInput("asked to stop before the market was opened")

    def _again(self) -> _Opened | None:
        """Take up the market; what is recorded is passed over. None when asked to stop."""
        while not self._stopping.is_set():
            try:
                return self._open()
            except (OperationalError, InterfaceError) as error:
                self._wait_for_database(error)
            except Exception as error:
                if self.market.live is None:
                    raise
                # It was opened before with the same options.
                log.warning("feed.not_opened", error=f"{type(error).__name__}: {error}")
                self._rest()
        return None

    def _wait_for_database(self, error: Exception) -> None:
        log.warning("feed.database_away", error=str(error).strip())
        connections.close_all()
        self._stopping.wait(_RETRY_SECONDS)

    def _open(self) -> _Opened:
        market = paper.market(self._options)
        if self._options.at_venue:
            code = registry.account_at(self._options.venue)
        else:
            code = feeds.code_of(_prefix(self._options, market))
        if market.resume is not None:
            market.resume(feeds.last_bars(code))
        steps = market.steps(self._stopping)
        late = Timer(_first_bar_seconds(market), self._on_no_bar, [code, market])
        late.daemon = True
        if market.live is not None:
            late.start()
        try:
            begun, prices = _first_prices(steps, market, wanted=self._options.at_venue)
        finally:
            late.cancel()
        if not begun:
            raise BadInput(f"{market.title}: no bars")
        made = paper.open_desk(
            self._options,
            market,
            code=code,
            namespace=self._namespace,
            at=Moment(market=begun[0].open_time, wall=WALL.now()),
            prices=prices,
        )
        return _Opened(market, made, chain(begun, steps))

    def _on_no_bar(self, code: str, market: Market) -> None:
        """Nothing came of a market that was opened: what is known of it is not believed."""
        reason = f"no bar has come for {_first_bar_seconds(market):g} s"
        self._say(f"{market.source} {market.title}: {reason}; it is waited for")
        _noted(partial(_note_no_bar, code, reason), self._stopping)

    def _fail(self, reason: str) -> None:
        self.failed = True
        self._say(f"the feed has stopped: {reason}")
        try:
            feeds.fail(feed_id=self.made.desk.feed.pk, reason=reason, now=WALL.now())
        except (OperationalError, InterfaceError) as error:
            log.error("feed.failure_not_recorded", reason=reason, error=str(error).strip())


def _noted(note: Callable[..., None], stopping: Event) -> bool:
    """Say it, however long the database is away: a line that is down must not look up. False if it
    was not said before the end."""
    while True:
        try:
            note(now=WALL.now())
            return True
        except (OperationalError, InterfaceError) as error:
            log.warning("feed.line_not_noted", error=str(error).strip())
        finally:
            connections.close_all()
        if stopping.wait(_RETRY_SECONDS):
            return False


def _note_no_bar(code: str, reason: str, *, now: datetime) -> None:
    """Of a market that was here before; of one that is new nothing is known yet."""
    feed = Feed.objects.filter(code=code).first()
    if feed is not None:
        feeds.note_feed_line(feed=feed, up=False, reason=reason, now=now)


def _first_bar_seconds(market: Market) -> float:
    """How long a market in real time may take to tell its first bar."""
    return line_watch.DOWN_SECONDS + market.interval.total_seconds()


def _first_prices(
    steps: Iterator[Step], market: Market, *, wanted: bool
) -> tuple[list[Step], dict[str, Decimal]]:
    """The first step, or as many as it takes until every instrument has shown a price: so many and
    so long that one which shows none keeps no other from trading."""
    deadline = monotonic() + _first_bar_seconds(market)
    begun: list[Step] = []
    prices: dict[str, Decimal] = {}
    for step in islice(steps, _FIRST_STEPS):
        begun.append(step)
        prices |= {code: bar.close for code, bar in step.bars.items()}
        if not wanted or len(prices) == len(market.instruments) or monotonic() > deadline:
            break
    return begun, prices


def end_abandoned(keep: int) -> list[str]:
    """End other feeds that nobody drives; a screen shows one, and it must be the one that runs."""
    return feeds.end_abandoned(keep=keep, now=WALL.now())


def title(market: Market, speed: Decimal | None) -> str:
    """`REPLAY btcusdt.csv.gz · SIM:BTC-USDT 1m ×60`."""
    codes = ", ".join(instrument.code for instrument, _ in market.instruments)
    interval = interval_name(market.interval)
    pace = "as fast as the desk goes" if speed is None else f"×{speed:f}"
    return f"{market.source} {market.title} · {codes} {interval} {pace}"


def _prefix(options: PaperOptions, market: Market) -> str:
    parts = [
        market.fingerprint,
        market.kind,
        market.interval.total_seconds(),
        options.profile,
        options.cash,
        *sorted(instrument.code for instrument, _ in market.instruments),
    ]
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:16]
