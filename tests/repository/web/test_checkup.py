"""Officers see how their deployment stands; nobody else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repository.access import Role
from repository.settings import from_environ
from repository.web.pages.checkup import facts
from repository.web.routes import ROUTES

from .conftest import Service

HTTPS = {"NEA_BASE_URL": "https://nea.example.org", "NEA_CONTENT_URL": "https://files.nea.example.org"}


async def test_an_officer_sees_it(service: Service) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    text = await (await officer.get("/checkup")).text()
    assert "this computer only" in text
    assert f'data-content="http://localhost:{officer.server.port}"' in text
    stranger = await service.anonymous()
    answer = await stranger.get("/content/point.gif", headers={"Host": "localhost"})
    assert (answer.status, answer.content_type) == (200, "image/gif")
    assert (await officer.get("/content/point.gif")).status == 404


@pytest.mark.parametrize("role", [Role.TEACHER, Role.EXAMS_OFFICER, Role.MODERATOR])
async def test_nobody_else_does(service: Service, role: Role) -> None:
    assert (await (await service.browser(role)).get("/checkup")).status in {403, 404}


def test_a_proxy_that_nobody_named_or_that_says_nothing_is_told_of() -> None:
    unnamed = facts(from_environ(HTTPS), "10.0.0.1")
    assert [(what, well) for what, well, _ in unnamed if not well] == [("Proxy", False)]
    named = from_environ(HTTPS | {"NEA_TRUSTED_PROXIES": "10.0.0.1"})
    assert "X-Forwarded-For" in facts(named, "10.0.0.1")[-1][2]
    assert all(well for _, well, _ in facts(named, "203.0.113.5"))
    assert not all(well for _, well, _ in facts(replace(named, rehearsal=True), "203.0.113.5"))


def test_health_and_metrics_are_on_no_public_address() -> None:
    words = ("health", "metric", "status", "ready", "live", "debug", "server-status")
    assert not [route.path for route in ROUTES if any(word in route.path.split("/")[1] for word in words)]
