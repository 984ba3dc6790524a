"""The database of the memory: started in the background, migrated, and reached as a role that tenants wall in."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ...tools.errors import BadRequest, RefineryError, Unavailable
from .cluster import Cluster
from .migrating import application_role, migrate, require_model, search_path
from .queries import query
from .settings import StoreSettings

log = logging.getLogger(__name__)

DATABASE = "refinery"
# Held shared by who writes vectors, alone by who puts others in the place of all.
MODEL_LOCK = 0x0FEF1AE3
_ATTEMPTS = 5
# A server that froze, or a network that drops what it is sent, is noticed after half a minute.
_ALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
Row = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")
_REFUSED = "{} refuses the user or password of database_url; correct it in the settings ({})"


class Contended(Unavailable):
    """Two transactions waited for each other, and this one gave way."""


def again_when_contended(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Have a function that opens its own transactions begin anew when one of them gave way to another."""

    @functools.wraps(function)
    async def attempt(*args: P.args, **kwargs: P.kwargs) -> T:
        for tried in range(_ATTEMPTS):
            try:
                return await function(*args, **kwargs)
            except Contended:
                if tried == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(random.random() * 0.05)
        raise AssertionError

    return attempt


class Transaction:
    """Statements for one tenant that hold together or not at all."""

    def __init__(self, connection: AsyncConnection[Row], tenant: str, patience: float) -> None:
        self.connection = connection
        self.tenant = tenant
        self._patience = patience

    async def all(self, name: str, /, **values: Any) -> list[Row]:
        """Run a named statement and return its rows; `%(tenant)s` is filled in."""
        async with asyncio.timeout(self._patience):
            cursor = await self.connection.execute(query(name), {"tenant": self.tenant, **values})
            return await cursor.fetchall() if cursor.description else []

    async def one(self, name: str, /, **values: Any) -> Row | None:
        """Run a named statement and return its first row, if any."""
        rows = await self.all(name, **values)
        return rows[0] if rows else None


class Database:
    """Connections to the store, once it is up.

    Args:
        settings: where it is.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        self.cluster = None if settings.url else Cluster(settings.folder)
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def up(self) -> bool:
        """Whether it has been started."""
        return self._pool is not None

    def start(self) -> asyncio.Task[None]:
        """Start it in the background, once; a start that failed is tried again by the next call."""
        if self._starting is None or (self._starting.done() and self._pool is None):
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_heard)
        return self._starting

    async def ready(self) -> None:
        """Wait until it is started.

        Raises:
            Unavailable: it can't be; the message says why and what to do.
        """
        if self._closed:
            raise Unavailable("the server is closing; try again when it is back")
        if self._pool is None:
            await asyncio.shield(self.start())

    async def _start(self) -> None:
        with self._said_plainly():
            application = await self._prepare()
            pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
                make_conninfo(**application),
                min_size=1,
                max_size=self.settings.connections,
                timeout=self.settings.wait,
                reconnect_timeout=30,
                open=False,
                check=AsyncConnectionPool.check_connection,
                configure=_configure,
                kwargs={"row_factory": dict_row},
            )
            try:
                await pool.open(wait=True, timeout=self.settings.wait)
            except BaseException:
                await pool.close()
                raise
            self._pool = pool

    async def _prepare(self) -> dict[str, Any]:
        """Bring the database to its form, and return how servers connect to it."""
        address = await self._address()
        async with await _connect(address) as admin:
            await migrate(admin, self.settings)
            role = await application_role(admin)
            path = (await search_path(admin)).as_string(admin).replace(" ", "")
        options = f"{address.get('options', '')} -c search_path={path}".strip()
        found = {**address, "options": options}
        if role is not None:
            found["user"], password = role
            if self.cluster is None:
                found["password"] = password
        return found

    async def _address(self) -> dict[str, Any]:
        """Return how to connect as the role of the settings, or as the superuser of the embedded cluster."""
        if self.cluster is None:
            try:
                given = conninfo_to_dict(self.settings.url)
            except psycopg.ProgrammingError:
                raise Unavailable(
                    "database_url is no address of PostgreSQL; write postgresql://user:password@host/name"
                ) from None
            return {"connect_timeout": 10, **_ALIVE, **given}
        reached = await asyncio.to_thread(self.cluster.start)
        async with await _connect({**reached, "dbname": "postgres"}) as admin:
            await admin.execute("SELECT pg_advisory_lock(1)")
            there = await admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if await there.fetchone() is None:
                await admin.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
        return {**reached, "dbname": DATABASE}

    @contextlib.asynccontextmanager
    async def admin(self) -> AsyncIterator[AsyncConnection[Row]]:
        """Connect as the role that may change the schema, once that is in form; each statement commits by itself."""
        with self._said_plainly():
            async with await _connect(await self._address()) as connection:
                await migrate(connection, self.settings, any_model=True)
                await connection.execute(sql.SQL("SET search_path = {}").format(await search_path(connection)))
                await register_vector_async(connection)
                yield connection

    @contextlib.asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncIterator[Transaction]:
        """Run statements for a tenant; all that they change holds when the block ends, or nothing does.

        Raises:
            Unavailable: the database does not answer, is full, or holds the vectors of another model.
        """
        await self.ready()
        with self._said_plainly():
            connection = await self._connection()
            pool = self._pool
            assert pool is not None
            try:
                async with connection.transaction():
                    running = Transaction(connection, tenant, self.settings.patience)
                    await running.all("set_tenant")
                    yield running
            finally:
                await pool.putconn(connection)

    async def _connection(self) -> AsyncConnection[Row]:
        assert self._pool is not None
        try:
            # The pool's own limit does not hold while it tries whether a connection is alive.
            async with asyncio.timeout(self.settings.wait + 5):
                return await self._pool.getconn()
        except (PoolTimeout, TimeoutError):
            if self.cluster is None:
                raise
        # Ours to start again; after a crash it takes some seconds to recover.
        log.warning("the embedded PostgreSQL does not answer; starting it again")
        await asyncio.to_thread(self.cluster.start)
        return await self._pool.getconn(timeout=30)

    async def require_model(self, running: Transaction) -> None:
        """Check that the vectors in the store are still those of the settings' model.

        Raises:
            Unavailable: another process has changed them.
        """
        row = await running.one("model_of_store")
        assert row is not None
        require_model(row["model"], row["dimensions"], self.settings)

    async def hold_model(self, running: Transaction) -> None:
        """As `require_model`, and so it stays until the transaction ends."""
        await running.all("hold_model", lock=MODEL_LOCK)
        await self.require_model(running)

    @contextlib.contextmanager
    def _said_plainly(self) -> Any:
        """Say what goes wrong with the database as one of our errors."""
        try:
            yield
        except RefineryError:
            raise
        except (psycopg.Error, PoolTimeout, PoolClosed, OSError) as error:
            told = self._told(error)
            if told is None:
                raise
            raise told from error

    def _told(self, error: Exception) -> RefineryError | None:
        where = "the embedded PostgreSQL" if self.cluster else "the database of the memory (database_url)"
        reason = " ".join(str(error).split())[:300]
        match error:
            case errors.InvalidPassword() | errors.InvalidAuthorizationSpecification():
                return Unavailable(_REFUSED.format(where, reason))
            case errors.InsufficientPrivilege():
                return Unavailable(
                    f"{where} does not let the role of database_url do what the memory needs ({reason}); "
                    "grant it CREATE on the database, or start once as the owner of the schema refinery"
                )
            case errors.DeadlockDetected() | errors.SerializationFailure():
                return Contended(f"two calls waited for each other in {where}; nothing of this was stored, call again")
            case errors.DiskFull() | errors.OutOfMemory() | errors.ReadOnlySqlTransaction():
                return Unavailable(
                    f"{where} could not store this, and nothing of it was: {reason}; make room and call again"
                )
            case errors.CharacterNotInRepertoire() | errors.UntranslatableCharacter():
                return BadRequest(f"the text holds characters that the database can't keep: {reason}")
            case errors.DataException() if "dimensions" in reason:
                return Unavailable(
                    f"the vectors of the memory were changed meanwhile ({reason}); start the server again"
                )
            case psycopg.OperationalError() | PoolTimeout() | PoolClosed() | OSError():  # TimeoutError is an OSError
                if "password" in reason or "authentication" in reason:
                    return Unavailable(_REFUSED.format(where, reason))
                why = reason or "it took too long"
                return Unavailable(f"{where} does not answer ({why}); nothing was lost, call again when it does")
        return None

    async def close(self) -> None:
        """Give all connections back, and leave the embedded cluster."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._starting
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()
        if self.cluster is not None:
            await asyncio.to_thread(self.cluster.stop)


async def _connect(address: Mapping[str, Any]) -> AsyncConnection[Row]:
    return await AsyncConnection.connect(make_conninfo(**address), autocommit=True, row_factory=dict_row)


async def _configure(connection: AsyncConnection[Row]) -> None:
    # `transaction()` begins and ends them; between two, the connection is idle.
    await connection.set_autocommit(True)
    await register_vector_async(connection)


def _heard(task: asyncio.Task[None]) -> None:
    """Take note of a start that failed when nobody waits for it; whoever needs the database is told again."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("the database does not start: %s", error)
