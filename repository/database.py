"""Engine and transactions. Runs a package's synchronous record functions inside an asynchronous session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, MetaData, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from repository.errors import ServiceBusy

T = TypeVar("T")
_WRITES = "nea_writes"
SQLITE_BUSY_MILLISECONDS = 10_000


def metadatas() -> tuple[MetaData, ...]:
    """Return the tables of all packages, lowest package first, so that foreign keys point to what exists."""
    import moderation.tables
    import scripts.tables
    from repository import tables

    return moderation.tables.Base.metadata, scripts.tables.Base.metadata, tables.Base.metadata


class Database:
    """One database: SQLite embedded, PostgreSQL in production.

    Takes: ``url``, a SQLAlchemy URL with an asynchronous driver (``sqlite+aiosqlite``, ``postgresql+psycopg``).
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.embedded = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {}
        if self.embedded:
            if self.url.database:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        else:
            options = {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}
        self.engine: AsyncEngine = create_async_engine(self.url, **options)
        if self.embedded:
            _prepare_sqlite(self.engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        # SQLite has one writer; queueing here is fair and costs no retries. PostgreSQL needs no queue.
        self._writer = asyncio.Lock()

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction and commit it; nothing of it stays if it raises.

        Raises: whatever ``work`` raises; ``ServiceBusy`` when the database cannot be reached or is locked.
        """
        async with self._queue(), self._session(writes=True) as session:
            result = await session.run_sync(work)
            await session.commit()
            return result

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction that is rolled back afterwards; raises as ``write`` does."""
        async with self._session(writes=False) as session:
            return await session.run_sync(work)

    async def forget_deleted(self, *tables: str) -> None:
        """Take what was deleted from ``tables`` out of the database's own files, as far as it lets us."""
        async with self._queue(), self.engine.connect() as connection:
            if self.embedded:
                # Past SQLAlchemy, which would begin a transaction, and inside one there is no checkpoint.
                driver = (await connection.get_raw_connection()).driver_connection
                if driver is not None:
                    await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
                return
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in tables:
                await connection.exec_driver_sql(f"VACUUM {table}")

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()

    def _queue(self) -> contextlib.AbstractAsyncContextManager[None]:
        return _held(self._writer) if self.embedded else contextlib.nullcontext()

    @contextlib.asynccontextmanager
    async def _session(self, *, writes: bool) -> AsyncIterator[AsyncSession]:
        try:
            async with self._sessions() as session:
                await session.connection(execution_options={_WRITES: writes})
                yield session
        except OperationalError as error:
            raise ServiceBusy(cause=type(error.orig).__name__) from error


@contextlib.asynccontextmanager
async def _held(lock: asyncio.Lock) -> AsyncIterator[None]:
    async with lock:
        yield


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """Make SQLite durable and let us say how a transaction begins: the driver would begin too late to be safe."""

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",  # a shredded key must not stay readable in the file's free space
            f"busy_timeout={SQLITE_BUSY_MILLISECONDS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
