"""What runs beside a feed and only records: a thread that looks again and again."""

from threading import Event, Thread

import structlog
from django.db import InterfaceError, OperationalError, connections

log = structlog.get_logger(__name__)


class Beside(Thread):
    """Calls `look` until it is asked to stop, or `look` says that there is nothing to look for.

    Whatever happens there ends nothing: it is tried again at the next look.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._stopping = Event()

    def look(self) -> bool:
        """Look once; whether to go on. Implemented by each kind."""
        raise NotImplementedError

    def pause_seconds(self) -> float:
        """How long until the next look. Implemented by each kind."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self.look():
                    break
            except (OperationalError, InterfaceError) as error:
                log.warning("beside.database_away", thread=self.name, error=str(error).strip())
            except Exception:
                # Nobody would miss a thread that ended.
                log.exception("beside.failed", thread=self.name)
            finally:
                connections.close_all()
            self._stopping.wait(self.pause_seconds())
