"""Puts the application together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware

import app.accounts.appointment_routes
import app.accounts.audit_routes
import app.accounts.factor_routes
import app.accounts.mail_routes
import app.accounts.own_sign_in_routes
import app.accounts.privacy_routes
import app.accounts.routes
import app.accounts.session_routes
import app.accounts.terminal_routes
import app.accounts.token_routes
import app.feeds.routes
import app.lessons.agreement_routes
import app.lessons.bell_routes
import app.lessons.calendar_routes
import app.lessons.change_routes
import app.lessons.closing_routes
import app.lessons.copying_routes
import app.lessons.coverage_routes
import app.lessons.entry_routes
import app.lessons.guest_routes
import app.lessons.many_routes
import app.lessons.planning_routes
import app.lessons.routes
import app.lessons.series_routes
import app.lessons.term_routes
import app.live.routes
import app.notices.letter_routes
import app.notices.routes
import app.notices.webhook_routes
import app.oidc.own_routes
import app.oidc.routes
import app.pairings.routes
import app.pupils.routes
import app.reports.routes
import app.schools.editing_routes
import app.schools.group_routes
import app.schools.routes
import app.schools.subject_routes
import app.timetables.calendar_routes
import app.timetables.curriculum_routes
import app.timetables.headcount_routes
import app.timetables.routes
import app.timetables.subject_routes
import app.timetables.suggestion_routes
import app.transfer.routes
import app.web.routes
from app import __version__, gatekeeping, metrics
from app.accounts.door_limits import DoorLimits
from app.accounts.lockouts import LockoutClerk
from app.accounts.mail_routes import MailLimits
from app.accounts.sign_in import Door
from app.bounds import MAX_BODY, BodyBound
from app.chores import Chores
from app.database import make_engine, make_session_factory
from app.errors import install_error_handlers, on_unexpected
from app.guard import well_known
from app.guard.front import HeadBound, KnownHosts, SafeHeaders, TrustedProxies
from app.guard.limiting import AddressLimits
from app.guard.traffic import Traffic
from app.guard.watch import Refusals, Watch
from app.housekeeping import chores_of
from app.idempotency.middleware import OnlyOnce
from app.keys import load_keys
from app.live.doors import MediaDoors
from app.live.figures import MediaFigures
from app.live.rights import Rights
from app.live.runtime import on_air
from app.live.turn import IceServers
from app.logs import RequestLog
from app.mail import Postman, mail_server_of
from app.notices.outbox import Outbox
from app.notices.posting import Poster
from app.oidc.welcome import desk_of
from app.openapi import DESCRIPTION, TAGS, Api
from app.readers.fitting import paths_of
from app.readers.links import Readers
from app.routing import route_by_words
from app.settings import Settings
from app.transfer.desk import TransferDesk
from app.transfer.service import MOST_BYTES

ROUTERS = (
    app.accounts.routes.router,
    app.accounts.appointment_routes.router,
    app.accounts.mail_routes.router,
    app.accounts.privacy_routes.router,
    app.accounts.session_routes.router,
    app.accounts.token_routes.router,
    app.accounts.factor_routes.router,
    app.accounts.audit_routes.router,
    app.accounts.own_sign_in_routes.router,
    app.accounts.terminal_routes.router,
    app.oidc.routes.router,
    app.oidc.own_routes.router,
    app.schools.routes.router,
    app.schools.editing_routes.router,
    app.lessons.closing_routes.router,
    app.lessons.copying_routes.router,
    app.schools.group_routes.router,
    app.schools.subject_routes.router,
    app.timetables.subject_routes.router,
    app.timetables.headcount_routes.router,
    app.timetables.curriculum_routes.router,
    app.lessons.coverage_routes.router,
    app.pupils.routes.router,
    app.timetables.suggestion_routes.router,  # before /pairings/{pairing_id}
    app.pairings.routes.router,
    app.lessons.agreement_routes.router,
    app.timetables.routes.router,
    app.lessons.term_routes.router,
    app.lessons.bell_routes.router,
    app.timetables.calendar_routes.router,
    app.lessons.calendar_routes.router,
    app.lessons.routes.router,
    app.lessons.entry_routes.router,
    app.lessons.planning_routes.router,
    app.lessons.change_routes.router,
    app.lessons.many_routes.router,
    app.lessons.guest_routes.router,
    app.feeds.routes.router,
    app.notices.routes.router,
    app.notices.letter_routes.router,
    app.notices.webhook_routes.router,
    app.lessons.series_routes.router,
    app.reports.routes.router,
    app.live.routes.router,
    app.transfer.routes.router,
    app.web.routes.router,
    well_known.router,
    metrics.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; raises `StartupError` when the data folder cannot be used.

    Nothing runs in the background before its lifespan is entered.
    """
    api = Api(
        title="Tongtang",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,  # `app.web` has its own
        redoc_url=None,
        lifespan=_lifespan,
        # Not included once more: FastAPI would work out every dependency and schema anew, for each application.
        routes=[route for router in ROUTERS for route in router.routes],
    )
    api.also_describe = partial(gatekeeping.describe_keys, api.routes)
    _furnish(api, settings)
    install_error_handlers(api, api.state.watch)
    api.add_exception_handler(404, app.web.routes.no_such_page)
    gatekeeping.check(api.routes)
    route_by_words(api, api.state.readers.answer)
    _surround(api, settings)
    return api


def _furnish(api: FastAPI, settings: Settings) -> None:
    """Lay out what the routes find in the application's state."""
    engine = make_engine(settings.database_url, settings.database_wait_seconds)
    api.state.settings = settings
    api.state.keys = load_keys(settings.data_dir)
    api.state.ice_servers = IceServers(settings.turn_urls, settings.turn_secret.get_secret_value())
    api.state.engine = engine
    api.state.session_factory = make_session_factory(engine)
    api.state.rights = Rights()
    api.state.door_limits = DoorLimits()
    api.state.coordinator = None  # until the lifespan is entered
    api.state.metrics = metrics.Metrics()
    api.state.database_checks = metrics.DatabaseChecks(engine)
    api.state.traffic = Traffic(settings, api.state.metrics.registry)
    api.state.refusals = Refusals()
    api.state.watch = Watch(api.state.refusals, api.state.metrics.registry)
    api.state.readers = Readers(paths_of(api.routes), api.state.traffic, api.state.metrics.registry)
    api.state.door = Door(
        api.state.session_factory, api.state.keys, api.state.metrics.registry, api.state.traffic
    )
    api.state.provider_desk = desk_of(settings, api.state.door, api.state.metrics.registry)
    api.state.postman = Postman(mail_server_of(settings), api.state.metrics.registry)
    api.state.transfer_desk = TransferDesk()
    api.state.mail_limits = MailLimits()
    api.state.chores = Chores(chores_of(settings), api.state.session_factory, api.state.metrics.registry)
    api.state.outbox = Outbox(
        api.state.session_factory,
        api.state.metrics.registry,
        api.state.keys,
        Poster(settings.allowed_networks),
        mail_server_of(settings),
        settings.public_url,
    )


def _surround(api: FastAPI, settings: Settings) -> None:
    """Put the middlewares around the routes."""
    # The last one added is the outermost.
    api.add_middleware(OnlyOnce, watch=api.state.watch)
    api.add_middleware(BodyBound, larger={"/api/v1/imports": MOST_BYTES + MAX_BODY})
    api.add_middleware(HeadBound)
    api.add_middleware(AddressLimits, traffic=api.state.traffic)
    api.add_middleware(MediaDoors)
    api.add_middleware(KnownHosts, public_url=settings.public_url, options=settings)
    # Starlette has one outside of everything, whose answers nobody would add a header to, or to the log.
    api.add_middleware(ServerErrorMiddleware, handler=on_unexpected)
    api.add_middleware(SafeHeaders, options=settings)
    api.add_middleware(RequestLog, observe=api.state.metrics.observe)
    api.add_middleware(TrustedProxies, options=settings)


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    state = api.state
    chores = asyncio.create_task(state.chores.keep(), name="chores")
    try:
        async with (
            state.readers.at_work(),
            on_air(state.settings, state.session_factory, state.rights) as coordinator,
        ):
            state.coordinator = coordinator
            state.metrics.registry.register(MediaFigures(coordinator, asyncio.get_running_loop()))
            beside = [
                asyncio.create_task(work)
                for work in (LockoutClerk(state.door, state.refusals).work(), state.outbox.keep())
            ]
            try:
                yield
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
    finally:
        chores.cancel()
        await asyncio.wait((chores,))
        state.postman.close()
        state.door.desk.close()
        state.engine.dispose()
