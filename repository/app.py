"""The composition root: the only place where objects meet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from aiohttp import web

from repository import acting, ending, inspection, migrating, private_files, receipts, receiving, records, releasing
from repository.acts.viewing import Viewings
from repository.antivirus import Antivirus, Clamd, NoAntivirus
from repository.audit import tending
from repository.audit.notes import load_signer
from repository.audit.refusals import Bound
from repository.bundles import pushing, staging, versions, watching
from repository.care import health, nightly, telling
from repository.database import Database
from repository.errors import ServiceBusy, SettingRefused
from repository.keys.providers import open_provider
from repository.mail import records as mail_records
from repository.mail.sending import Sender
from repository.receipts import proving
from repository.services import Services
from repository.settings import MailSettings, Settings
from repository.sign_in import entering, providers_file, sealing
from repository.sign_in.hashing import Hasher
from repository.web import built, keys, limits, middleware, pages, provider_client, refusals, routes, tickets
from repository.web.api import scans as scans_api
from repository.web.connection import Runner
from repository.web.languages import LANGUAGES
from repository.web.turns import Turns
from repository.work import Bell, Worker
from storage.backend import Backend
from storage.directory import DirectoryBackend
from storage.errors import BackendUnavailable, KeyUnavailable, StorageFull
from storage.retry import retrying
from storage.vault import Vault

DESCRIPTORS = 4 * limits.Limits().connections
READ_BUFFER_BYTES = 512 * 1024
HEADER_FIELD_LIMIT_BYTES = 32 * 1024
"""More than metadata may have, so that too much of it is refused by us, with the reason, not by the parser."""
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
SHUTDOWN_SECONDS = 5
WORK_AT_ONCE_LIMIT = 8
"""So many files are checked at once at most, however many cores there are: each may take memory of its own."""


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def open_store(settings: Settings) -> Backend:
    """Return the store the settings name, as it is: a bucket, or the local directory."""
    if settings.s3 is None:
        return DirectoryBackend(settings.data_dir / "objects")
    from storage.s3 import S3Settings, open_s3  # an SDK that a local store does not need

    bucket = S3Settings(
        endpoint=settings.s3.endpoint_url or f"https://s3.{settings.s3.region}.amazonaws.com",
        bucket=settings.s3.bucket,
        access_key=settings.s3.access_key_id,
        secret_key=settings.s3.secret_access_key,
        region=settings.s3.region,
    )
    return open_s3(bucket)


def open_backend(settings: Settings) -> Backend:
    """Return the store the settings name; calls to a bucket are tried again, as a network may fail once."""
    store = open_store(settings)
    return retrying(store) if settings.s3 else store


def antivirus_of(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Antivirus:
    """Return the virus scanner that the settings name, or one that says that there is none."""
    if settings.clamd_socket is None:
        return NoAntivirus()
    hours = settings.clamd_signatures_hours
    return Clamd(settings.clamd_socket, timedelta(hours=hours) if hours else None, clock)


async def compose(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Services:
    """Open everything the settings name and hand it over as one value.

    Raises: ``DatabaseBehind`` when the database needs ``nea migrate``; errors of storage for a store or keyring
    that cannot be opened.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        private_files.require_safe_folder(settings.data_dir)
    except private_files.UnsafeFile as error:
        raise SettingRefused(f"The data folder {error.remedy}.", variable="NEA_DATA_DIR") from error
    database = Database(settings.database_url, own_clock=clock is not utc_now)
    try:
        await migrating.check(database)
        return Services(
            settings=settings,
            database=database,
            vault=Vault(open_backend(settings), open_provider(settings)),
            inspection=await inspection.choose(),
            signer=receipts.load_signer(settings.data_dir / "receipt-signing.key"),
            bell=Bell(),
            clock=clock,
            new_token=lambda: secrets.token_urlsafe(32),
            issuers=providers_file.load(settings.oidc_path),
            secrets_box=sealing.load(settings.data_dir / "sign-in.key"),
            hasher=Hasher(),
            antivirus=antivirus_of(settings, clock),
        )
    except BaseException:
        await database.close()
        raise


def create_app(services: Services) -> web.Application:
    """Return the application over composed services: routes, middleware, and the background worker."""
    app = web.Application(
        middlewares=[middleware.identify, middleware.explain, middleware.permit],
        client_max_size=limits.FORM_BYTES,  # each route says its own
        client_max_fields=limits.FORM_FIELDS,
    )
    app[keys.SERVICES] = services
    app[keys.RECEIVER] = receiving.Receiver(services, receiving.WriterGate())
    app[keys.VIEWINGS] = Viewings()
    app[keys.TURNS] = Turns()
    app[keys.TICKET_KEY] = ticket_key(services.settings)
    app[keys.ADDRESS_KEY] = load_signer(services.settings.audit_key_path).address_key()
    app[keys.REFUSALS] = Bound()
    built.needed(services.settings.frontend_dir, "page.js")  # refused at the start, not at the first page
    app[keys.TEMPLATES] = {
        code: pages.templates(language, services.settings.frontend_dir) for code, language in LANGUAGES.items()
    }
    app.on_response_prepare.append(middleware.add_headers)
    app.on_cleanup.append(refusals.write_rest)
    routes.add_to(app)
    app.cleanup_ctx.append(provider_client.reach(services.issuers, services.settings.base_url, services.clock))
    app.cleanup_ctx.append(_worker)
    app.cleanup_ctx.append(_hashing)
    return app


def ticket_key(settings: Settings) -> bytes:
    """Return the key of tickets to uploaded bytes, made at the first start; nodes that share the work share the file.

    Raises: ``SettingRefused`` for a file that others can read, or that holds no random key.
    """
    path = settings.data_dir / "content-ticket.key"
    try:
        return private_files.make_key(path, tickets.KEY_BYTES, secrets.token_bytes)
    except private_files.UnsafeFile as error:
        raise SettingRefused(f"{path.name} in the data folder {error.remedy}.", variable="NEA_DATA_DIR") from error


OUTAGES = (BackendUnavailable, StorageFull, KeyUnavailable, ServiceBusy)
"""What is no fault of a job: it is tried until the outage is over."""


def worker_of(services: Services) -> Worker:
    """Return the background worker: what is to be done for each kind of work, as many at once as there are cores."""
    handlers = {
        records.VERIFY: partial(releasing.verify, services),
        records.DERIVE: partial(releasing.derive, services),
        staging.PUSH: partial(pushing.push, services),
        versions.MAKE: partial(versions.make, services),
    }
    chores = (
        partial(telling.tell, services),
        partial(ending.sweep, services),
        partial(entering.sweep, services),
        partial(releasing.rescan, services),
    )
    return Worker(
        services.database,
        services.bell,
        services.clock,
        handlers,
        chores=chores,
        give_up={records.VERIFY: releasing.give_up, staging.PUSH: pushing.give_up},
        outages=OUTAGES,
        at_once=min(WORK_AT_ONCE_LIMIT, len(os.sched_getaffinity(0))),
    )


def sender_of(services: Services, settings: MailSettings) -> Sender:
    """Return what sends mail: receipts go along as files."""
    enclose = partial(proving.enclose, services)
    return Sender(settings, services.settings.base_url, services.database, services.clock, enclose)


async def say_whether_mail_is_sent(services: Services) -> None:
    """Note whether this service sends mail: said by whoever works, so that nothing is queued that nobody would send."""
    is_on, now = services.settings.mail is not None, services.clock()
    with acting.as_service("mail"):
        await services.database.write(lambda session: mail_records.set_sent_here(session, is_on, now))


async def work(services: Services) -> None:
    """Work until cancelled: files are checked, receipts proved, mail sent, and the store cared for once a day."""
    acting.set_service("worker")
    await say_whether_mail_is_sent(services)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker_of(services).run())
        group.create_task(nightly.keep(services))
        group.create_task(tending.keep(services))
        group.create_task(proving.keep(services))
        if services.settings.scan_folder is not None:
            group.create_task(watching.Watch(services, services.settings.scan_folder, scans_api.announced_by).keep())
        if services.settings.mail is not None:
            group.create_task(sender_of(services, services.settings.mail).keep())


async def _worker(app: web.Application) -> AsyncIterator[None]:
    services = app[keys.SERVICES]
    if not services.settings.works_itself:
        yield
        return
    await say_whether_mail_is_sent(services)  # before the first request
    task = asyncio.create_task(work(services))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _hashing(app: web.Application) -> AsyncIterator[None]:
    yield
    app[keys.SERVICES].hasher.close()


def listener(host: str, port: int) -> socket.socket:
    """Return the socket to listen on; its connections take in more than the system's default while we seal."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        made.bind(address)
    except OSError as error:
        made.close()
        raise SettingRefused(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Free it, or choose another with NEA_PORT.",
            variable="NEA_PORT",
        ) from error
    return made


async def serve(services: Services, *, started: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, and close the database.

    Takes: ``started``, called once with the address when requests are accepted.
    Raises: ``SettingRefused`` for a store that is not fit to serve on, or an address that is taken.
    """
    try:
        await health.require_fit_store(services)
        await _serve(services, started, stop)
    finally:
        await services.database.close()


def _allow_connections() -> None:
    """Ask the system for as many descriptors as the edge allows connections, with room for files and the database."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(services: Services, started: Callable[[str], None], stop: asyncio.Event) -> None:
    _allow_connections()
    runner = Runner(
        create_app(services),
        shutdown_timeout=SHUTDOWN_SECONDS,
        access_log=None,
        read_bufsize=READ_BUFFER_BYTES,
        max_field_size=HEADER_FIELD_LIMIT_BYTES,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener(services.settings.host, services.settings.port)).start()
        host, port = runner.addresses[0][:2]
        if services.settings.on_loopback:  # by the name that pages are served under: 127.0.0.1 or localhost
            host = services.settings.application_host
        started(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        await stop.wait()
    finally:
        await runner.cleanup()
