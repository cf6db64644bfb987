"""The links of the header: each person's, once each, and under menus where they are many."""

from __future__ import annotations

from typing import Any

import pytest

from repository.access import Actor, Role
from repository.web import menu

CENTRE = "99001"
OF_CENTRES = {Role.TEACHER, Role.EXAMS_OFFICER}


def actor(role: Role) -> Actor:
    return Actor("p", "a", "P", role, CENTRE if role in OF_CENTRES else None)


def flat(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [link for entry in found for link in entry.get("links", [entry])]


@pytest.mark.parametrize("role", Role)
def test_each_link_stands_once_in_the_order_of_the_policy(role: Role) -> None:
    found = menu.entries(actor(role), "/")
    hrefs = [link["href"] for link in flat(found)]
    order = [href for _, href, _ in menu.NAVIGATION]
    assert hrefs == sorted(set(hrefs), key=order.index)
    assert found[0] == {"href": "/", "text": "Home", "current": True}
    assert len(found) <= menu.MANY
    titles = [entry["text"] for entry in found if "links" in entry]
    assert len(titles) == len(set(titles))
    assert all(len(entry["links"]) > 1 for entry in found if "links" in entry)


def test_who_has_few_links_sees_them_side_by_side_and_who_has_many_finds_the_menu_of_a_page() -> None:
    assert not any("links" in entry for entry in menu.entries(actor(Role.MODERATOR), "/worklist"))
    officer = menu.entries(actor(Role.AB_OFFICER), "/imports/some-id")
    assert [entry["text"] for entry in officer if entry["current"]] == ["Files and data"]
    assert [link["href"] for link in flat(officer) if link["current"]] == ["/imports"]
