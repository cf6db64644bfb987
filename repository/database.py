"""Engine and transactions: a package's synchronous record functions run here, off the event loop or inside it.

PostgreSQL is spoken to asynchronously. SQLite is a file and has one writer: a whole transaction runs in a thread, which
costs one hop where an asynchronous driver costs one for each statement, and writers that wait together commit together,
with one flush of the disk (decision 0002).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from moderation import guards
from moderation.errors import ModerationError
from repository import acting
from repository.acting import ACTING, OWN_CLOCK, WRITES
from repository.errors import ServiceBusy

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

T = TypeVar("T")
_WRITES = "nea_writes"
_READ_ONLY = "25006"
SQLITE_BUSY_MILLISECONDS = 10_000
READERS = 4
TOGETHER_LIMIT = 64
"""So many waiting writers of SQLite commit together at most."""


class ScopedSession(Session):
    """A session that carries on whose behalf it asks (``acting``); ``scoping`` narrows what its SELECTs find by that."""


TABLES = (
    "moderation.tables",
    "scripts.tables",
    "repository.tables",
    "repository.journal_tables",
    "repository.mail.tables",
    "repository.sign_in.local_tables",
    "repository.sign_in.key_tables",
    "repository.sign_in.people_tables",
    "repository.sign_in.providers_tables",
    "repository.sign_in.tables",
)
"""Every module of tables, lowest package first, so that foreign keys point to what exists."""


def metadatas() -> tuple[MetaData, ...]:
    """Return the tables of all packages, lowest package first."""
    found = [import_module(name).Base.metadata for name in TABLES]
    return tuple(dict.fromkeys(found))


class Database:
    """One database: SQLite embedded, PostgreSQL in production.

    Takes: ``url``, a SQLAlchemy URL: ``sqlite:///…`` or ``postgresql+psycopg://…``; ``own_clock``, when the service's
    clock is not the computer's: PostgreSQL then opens and closes what it shows by that clock, not by its own.
    """

    def __init__(self, url: str, *, own_clock: bool = False) -> None:
        from repository.scoping import hook, row_security  # which know all tables

        hook.narrow(ScopedSession)
        row_security.speak_for(ScopedSession)
        self.url = make_url(url)
        self.embedded = self.url.get_backend_name() == "sqlite"
        self._kind: _Embedded | _Server = _Embedded(self.url) if self.embedded else _Server(self.url, own_clock)

    @property
    def sync_engine(self) -> Engine:
        """The engine whose events show every statement."""
        return self._kind.sync_engine

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction and commit it; nothing of it stays if it raises.

        Raises: whatever ``work`` raises; ``ServiceBusy`` when the database cannot be reached or is locked.
        """
        with _said_plainly():
            return await self._kind.write(work)

    async def write_many(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction on a synchronous connection of its own and commit it; raises as ``write`` does.

        For a whole series at once, which goes past SQLAlchemy to the driver; for nothing that serves a person who waits.
        """
        with _said_plainly():
            return await self._kind.write_many(work)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction that is rolled back afterwards; raises as ``write`` does."""
        with _said_plainly():
            return await self._kind.read(work)

    async def on_connection(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a connection of its own, where it begins and commits itself: migrations, upkeep."""
        return await self._kind.on_connection(work)

    async def forget_deleted(self, *tables: str) -> None:
        """Take what was deleted from ``tables`` out of the database's own files, as far as it lets us."""

        def forget(connection: Connection) -> None:
            if self.embedded:
                # Past SQLAlchemy, which would begin a transaction, and inside one there is no checkpoint.
                driver = connection.connection.driver_connection
                if driver is not None:
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                return
            connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in tables:
                connection.exec_driver_sql(f"VACUUM {table}")

        await self._kind.on_connection(forget)

    async def close(self) -> None:
        """Finish what is under way and give all connections back."""
        await self._kind.close()


@contextlib.contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise ServiceBusy(cause=type(getattr(error, "orig", error)).__name__) from error
    except InternalError as error:
        # The server was demoted, or is kept from writing while it is mended; the transaction was rolled back.
        if getattr(error.orig, "sqlstate", None) != _READ_ONLY:
            raise
        raise ServiceBusy(cause=type(error.orig).__name__) from error
    except Exception as error:
        # Rows that go past SQLAlchemy, many at a time, are refused in the driver's own words.
        fact = None if isinstance(error, ModerationError) else guards.fact_of(error)
        if fact is None:
            raise
        raise fact from error


class _Server:
    """PostgreSQL, through an asynchronous driver; the server orders its writers itself."""

    def __init__(self, url: Any, own_clock: bool) -> None:
        from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine  # of no use to an embedded database

        self._own_clock = own_clock
        self._engine: AsyncEngine = create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False, sync_session_class=ScopedSession)
        self.sync_engine = self._engine.sync_engine
        guards.speak_plainly(self.sync_engine)

    async def write(self, work: Callable[[Session], T]) -> T:
        async with self._session(writes=True) as session:
            result = await session.run_sync(work)
            await session.commit()
            return result

    async def write_many(self, work: Callable[[Session], T]) -> T:
        info = {ACTING: acting.current(), WRITES: True, OWN_CLOCK: self._own_clock}

        def run() -> T:
            engine = create_engine(self._engine.url, poolclass=NullPool)
            guards.speak_plainly(engine)
            with ScopedSession(engine, expire_on_commit=False, info=info) as session, session.begin():
                return work(session)

        return await asyncio.to_thread(run)

    async def read(self, work: Callable[[Session], T]) -> T:
        async with self._session(writes=False) as session:
            return await session.run_sync(work)

    @contextlib.asynccontextmanager
    async def _session(self, *, writes: bool) -> AsyncIterator[AsyncSession]:
        info = {ACTING: acting.current(), WRITES: writes, OWN_CLOCK: self._own_clock}
        async with self._sessions(info=info) as session:
            await session.connection()
            yield session

    async def on_connection(self, work: Callable[[Connection], T]) -> T:
        async with self._engine.connect() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


class _Embedded:
    """SQLite: readers in a few threads, writers in the order they came in one."""

    def __init__(self, url: Any) -> None:
        if url.database:
            Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sync_engine = create_engine(url, pool_size=READERS + 1)
        _prepare_sqlite(self.sync_engine)
        guards.speak_plainly(self.sync_engine)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        self._writer = _Writer(self.sync_engine)

    async def write(self, work: Callable[[Session], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))

    async def write_many(self, work: Callable[[Session], T]) -> T:
        return await self.write(work)

    async def read(self, work: Callable[[Session], T]) -> T:
        info = {ACTING: acting.current(), WRITES: False}

        def run() -> T:
            with ScopedSession(self.sync_engine, info=info) as session:
                session.connection(execution_options={_WRITES: False})
                return work(session)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def on_connection(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self.sync_engine.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.shutdown)
        self.sync_engine.dispose()


_Waiting = tuple[Callable[[Session], Any], "Future[Any]", acting.Acting]


class _Writer:
    """The one writer of SQLite: all who wait when it is free share a transaction, each in a savepoint of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Have ``work`` done and committed after all that was submitted before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
            self._thread.start()
        future: Future[T] = Future()
        self._queue.put((work, future, acting.current()))
        return future

    def close(self) -> None:
        """Finish what was submitted."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        ended = False
        while not ended:
            waiting = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(waiting) < TOGETHER_LIMIT:
                    waiting.append(self._queue.get_nowait())
            ended = None in waiting
            batch = [one for one in waiting if one is not None and one[1].set_running_or_notify_cancel()]
            while batch:
                batch = self._commit_together(batch)

    def _commit_together(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Do and commit what waits; returns those whose turn did not come, because the transaction ended under them."""
        done: list[tuple[Future[Any], Any]] = []
        failed: list[tuple[Future[Any], BaseException]] = []
        left = list(batch)
        try:
            with self._engine.connect() as connection, connection.begin():
                driver: Any = connection.connection.driver_connection
                while left:
                    work, future, who = left.pop(0)
                    try:
                        with ScopedSession(
                            connection,
                            expire_on_commit=False,
                            join_transaction_mode="create_savepoint",
                            info={ACTING: who, WRITES: True},
                        ) as session:
                            result = work(session)
                            session.commit()
                        done.append((future, result))
                    except BaseException as error:
                        failed.append((future, error))
                        if not driver.in_transaction:  # a full disk, say, undoes all of it
                            raise
        except BaseException as lost:
            # Nothing of this transaction stayed: all that seemed done was not.
            failed += [(future, lost) for future, _ in done]
            if not failed:  # it did not even begin
                failed, left = [(future, lost) for _, future, _ in left], []
            done = []
        for future, result in done:
            future.set_result(result)
        for future, reason in failed:
            future.set_exception(reason)
        return left


def _prepare_sqlite(engine: Engine) -> None:
    """Make SQLite durable and let us say how a transaction begins: the driver would begin too late to be safe."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "recursive_triggers=ON",  # a row that is replaced is deleted, and history refuses that
            "secure_delete=ON",  # a shredded key must not stay readable in the file's free space
            f"busy_timeout={SQLITE_BUSY_MILLISECONDS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
