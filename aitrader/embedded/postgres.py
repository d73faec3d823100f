"""Start, attach to and stop the PostgreSQL cluster that comes with the desk.

1. One cluster per home folder; `start` makes it, starts it or attaches to it.
2. The cluster stops with its last user; a user killed outright is forgotten by the next start.
3. What was committed survives kill -9 of everything: fsync, full page writes and synchronous
   commit are on, pages carry checksums.
4. It listens on a Unix socket only and asks every role for its password. Where the system has
   no Unix sockets it listens on 127.0.0.1 (written for, not verified).
5. A signal to end that comes while it starts or stops is answered right after that: at any other
   moment a server that is half started would be lost track of.
6. A signal to end is answered by an exception, which a library may swallow while it is imported:
   it comes again every few seconds until the process ends.
"""

import atexit
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import fasteners
import psutil

from aitrader import env
from aitrader.embedded import configuration, roles, users
from aitrader.embedded.layout import SOCKETS, Layout, execute, give, locate, prepare
from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import BadInput

_START_SECONDS = 30
_DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
_ENDING = tuple(_DEFAULTS)
_AGAIN_SECONDS = 3.0
_guard = threading.RLock()
_started: dict[Path, "Cluster"] = {}
_left_at_exit: set[Path] = set()


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `own` is true when this process started it rather than attached."""

    layout: Layout
    pid: int
    own: bool

    def parameters(self, role: roles.Role, dbname: str = roles.DATABASE) -> roles.Parameters:
        return parameters(role, dbname=dbname, home=self.layout.home)


def start(home: Path | None = None) -> Cluster:
    """Return the running cluster of `home`, made and started if needed; safe to call again.

    Raises BadInput, with one line, when the folder is not writable or PostgreSQL does not start.
    """
    layout = locate(home or env.load().home)
    with _guard:
        known = _started.get(layout.home)
        if known is not None and _alive(layout) == known.pid:
            return known
        _stop_with_this_process(layout)
        with _signals_waiting():
            prepare(layout)
            with _lock(layout):
                pid = _alive(layout)
                own = pid is None
                if pid is None:
                    pid = _launch_or_leave_nothing(layout)
                users.enter(layout.users)
            cluster = Cluster(layout, pid, own)
            _started[layout.home] = cluster
        return cluster


def is_alive(home: Path | None = None) -> bool:
    """Whether the cluster has a server, ready or not."""
    return _server(locate(home or env.load().home)) is not None


def log_file(home: Path) -> Path:
    """Where the server says what happens to it."""
    return locate(home).log


def stop(home: Path | None = None) -> None:
    """Leave the cluster; it stops unless another living process uses it."""
    layout = locate(home or env.load().home)
    with _guard, _signals_waiting():
        _started.pop(layout.home, None)
        if not layout.users.is_dir():
            return
        with _lock(layout):
            users.leave(layout.users)
            _stop_if_unused(layout)


def _stop_if_unused(layout: Layout) -> None:
    if not users.living(layout.users) and _server(layout) is not None:
        execute(layout, "pg_ctl", "stop", "-D", str(layout.data), "-m", "fast", "-w")


def parameters(
    role: roles.Role, *, dbname: str = roles.DATABASE, home: Path | None = None
) -> roles.Parameters:
    """Return how to connect as `role`, whether or not the cluster runs yet."""
    layout = locate(home or env.load().home)
    host, port = (
        (str(layout.socket), configuration.SOCKET_PORT)
        if SOCKETS
        else ("127.0.0.1", _tcp_port(layout))
    )
    return roles.Parameters(host, port, role, roles.password(layout.home, role), dbname)


def _lock(layout: Layout) -> fasteners.InterProcessLock:
    return fasteners.InterProcessLock(layout.run / "pg.lock")


def _stop_with_this_process(layout: Layout) -> None:
    """See to it, before anything is started, that it is stopped again."""
    if threading.current_thread() is threading.main_thread():
        for number, default in _DEFAULTS.items():
            if signal.getsignal(number) is default:
                # The default action of SIGTERM skips atexit: the database would outlive its user.
                signal.signal(number, _end)
    if layout.home in _left_at_exit:
        return
    _left_at_exit.add(layout.home)
    me = os.getpid()

    def leave() -> None:
        # A forked child inherits this hook but is no user of its own.
        if os.getpid() == me and layout.home in _started:
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            stop(layout.home)

    atexit.register(leave)


def _end(number: int, _frame: FrameType | None) -> None:
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda _again, _frame: signal.raise_signal(number))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


@contextmanager
def _signals_waiting() -> Iterator[None]:
    """A signal to end takes effect after the block; one that comes twice, once."""
    if threading.current_thread() is not threading.main_thread():
        # Signals interrupt the main thread only.
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _frame: came.append(got)) for number in _ENDING
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: set by something that is not Python, and not to be had back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


def _alive(layout: Layout) -> int | None:
    """Return the postmaster's id if it serves this data folder and is ready."""
    lines = _pid_lines(layout)
    if lines is None or len(lines) < 8 or lines[7].strip() != "ready":
        return None
    return _server(layout)


def _server(layout: Layout) -> int | None:
    """Return the postmaster's id if it serves this data folder, ready or not."""
    lines = _pid_lines(layout)
    if not lines or not lines[0].strip().isdigit():
        return None
    return int(lines[0]) if _serves(int(lines[0]), layout) else None


def _pid_lines(layout: Layout) -> list[str] | None:
    try:
        return layout.pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None


def _serves(pid: int, layout: Layout) -> bool:
    try:
        command = psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False
    return any("postgres" in word for word in command[:1]) and str(layout.data) in command


def _launch_or_leave_nothing(layout: Layout) -> int:
    try:
        return _launch(layout)
    except BaseException:
        _stop_if_unused(layout)
        raise


def _launch(layout: Layout) -> int:
    if not layout.data.exists():
        _initialise(layout)
    deadline = monotonic() + _START_SECONDS
    while True:
        _wait_for_predecessor(layout, deadline)
        if _alive(layout) is not None:
            break
        configuration.write(layout, tcp_port=None if SOCKETS else _tcp_port(layout))
        try:
            execute(layout, "pg_ctl", "start", "-D", str(layout.data), "-l", str(layout.log), "-w")
            break
        except BadInput as error:
            # Backends of a postmaster that was killed hold the shared memory for a moment.
            if monotonic() > deadline or not _held_by_orphans(layout):
                raise BadInput(_why(layout, error)) from None
            time.sleep(0.2)
    pid = _alive(layout)
    if pid is None:
        raise BadInput(f"PostgreSQL started and stopped again: see {layout.log}")
    roles.converge(parameters(roles.SUPERUSER, dbname="postgres", home=layout.home), layout.home)
    return pid


def _initialise(layout: Layout) -> None:
    """Make the cluster beside its place and move it in whole: a kill leaves no half cluster."""
    draft = layout.home / "pg.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    give(layout, draft)
    password = layout.run / "pg.password"
    password.touch(mode=0o600)
    password.write_text(roles.password(layout.home, roles.SUPERUSER) + "\n", encoding="utf-8")
    give(layout, password)
    try:
        execute(
            layout,
            "initdb",
            *("-D", str(draft), "-U", roles.SUPERUSER, "--pwfile", str(password)),
            *("--data-checksums", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"),
            timeout=120,
        )
    finally:
        password.unlink()
    draft.rename(layout.data)


def _wait_for_predecessor(layout: Layout, deadline: float) -> None:
    """Let a server that is starting or stopping finish; forget one that is gone."""
    while _alive(layout) is None and (lines := _pid_lines(layout)) is not None:
        if _server(layout) is None:
            # The system may have given the old id to another process of the same user, and
            # PostgreSQL would then refuse to start.
            layout.pid_file.unlink(missing_ok=True)
            for stale in layout.socket.glob(".s.PGSQL.*"):
                stale.unlink(missing_ok=True)
            return
        if monotonic() > deadline:
            raise BadInput(f"a PostgreSQL server (process {lines[0]}) does not end or get ready")
        time.sleep(0.1)


def _held_by_orphans(layout: Layout) -> bool:
    tail = _tail(layout)
    return "pre-existing shared memory block" in tail or "is still in use" in tail


def _why(layout: Layout, error: BadInput) -> str:
    fatal = [line for line in _tail(layout).splitlines() if "FATAL" in line or "PANIC" in line]
    return f"PostgreSQL does not start: {fatal[-1]}" if fatal else str(error)


def _tail(layout: Layout) -> str:
    with layout.log.open("rb") as file:
        file.seek(max(0, layout.log.stat().st_size - 4000))
        return file.read().decode("utf-8", errors="replace")


def _tcp_port(layout: Layout) -> int:
    """Return this cluster's port: chosen free, once, and kept."""
    kept = layout.run / "pg.port"
    if not kept.exists():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            kept.write_text(str(probe.getsockname()[1]), encoding="utf-8")
    return int(kept.read_text(encoding="utf-8"))
