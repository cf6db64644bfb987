"""Tracking events in chains of hashes, sites and where packets should go, carriers' files, clocks as data.

Revision: 0034; follows: 0033
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from scripts import chains
from scripts.tables import Instant

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_STEPS = ("packed", "logged", "opened", "reconciled")
_LINK = ("chain_number", "chain_sha256")
_HEAD = ("event_count", "chain_sha256")


def upgrade() -> None:
    for table in ("packet", "script"):
        op.add_column(table, sa.Column("event_count", sa.Integer(), nullable=False, server_default="0"))
        op.add_column(table, sa.Column("chain_sha256", sa.String(64), nullable=False, server_default=""))
    for step in _STEPS:
        op.add_column("packet", sa.Column(f"{step}_at", Instant()))
    op.add_column("packet_event", sa.Column("site_code", sa.String(20), nullable=False, server_default=""))
    op.add_column("packet_event", sa.Column("expected_site", sa.String(20), nullable=False, server_default=""))
    op.add_column("script_event", sa.Column("source", sa.String(20), nullable=False, server_default=""))
    op.add_column("script_event", sa.Column("corrects_id", sa.String(64)))
    for table, owner in (("packet_event", "packet"), ("script_event", "script")):
        op.add_column(table, sa.Column("chain_number", sa.Integer(), nullable=False, server_default="0"))
        op.add_column(table, sa.Column("chain_sha256", sa.String(64), nullable=False, server_default=""))
        _chain(table, owner, _packet_contents if owner == "packet" else _script_contents)
        op.create_index(f"uq_{table}_{owner}_id", table, [f"{owner}_id", "chain_number"], unique=True)
    _sites()


def _sites() -> None:
    op.create_table(
        "packet_tracking_number",
        sa.Column("number", sa.String(35), nullable=False),
        sa.Column("packet_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["packet_id"], ["packet.id"], name="fk_packet_tracking_number_packet_id_packet"),
        sa.PrimaryKeyConstraint("number", "packet_id", name="pk_packet_tracking_number"),
    )
    op.create_index("ix_packet_tracking_number_packet_id", "packet_tracking_number", ["packet_id"])
    op.create_table(
        "site",
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("time_zone", sa.String(40), nullable=False, server_default="Europe/London"),
        sa.Column("clock_note", sa.String(200), nullable=False, server_default=""),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.CheckConstraint("kind IN ('centre', 'hub', 'scanning')", name="ck_site_kind"),
        sa.PrimaryKeyConstraint("code", name="pk_site"),
    )
    op.create_table(
        "site_route",
        sa.Column("awarding_body", sa.String(2), nullable=False),
        sa.Column("component_code", sa.String(12), nullable=False),
        sa.Column("site_code", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["site_code"], ["site.code"], name="fk_site_route_site_code_site"),
        sa.PrimaryKeyConstraint("awarding_body", "component_code", name="pk_site_route"),
    )


def _chain(table: str, owner: str, contents_of: Callable[[Mapping[str, Any]], dict[str, object]]) -> None:
    """Chain the events that are there already, in the order in which they came."""
    connection = op.get_bind()
    events = sa.Table(table, sa.MetaData(), autoload_with=connection)
    owners = sa.Table(owner, sa.MetaData(), autoload_with=connection)
    for column in ("occurred_at", "received_at"):
        events.c[column].type = Instant()
    of = events.c[f"{owner}_id"]
    heads: dict[str, tuple[int, str]] = {}
    for row in _rows(
        connection, sa.select(events).order_by(of, events.c.received_at, events.c.occurred_at, events.c.id)
    ):
        number, previous = heads.get(row[of.name], (0, ""))
        head = chains.following(previous, chains.canonical(contents_of(row) | {"number": number + 1}))
        heads[row[of.name]] = (number + 1, head)
        values = dict(zip(_LINK, (number + 1, head), strict=True))
        connection.execute(sa.update(events).where(events.c.id == row["id"]).values(**values))
    for owner_id, last in heads.items():
        values = dict(zip(_HEAD, last, strict=True))
        connection.execute(sa.update(owners).where(owners.c.id == owner_id).values(**values))


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Mapping[str, Any]]:
    yield from (dict(row) for row in connection.execute(query).mappings().all())


def _packet_contents(row: Mapping[str, Any]) -> dict[str, object]:
    named = ("id", "label", "issue", "kind", "occurred_at", "received_at", "actor", "place", "source", "corrects_id")
    contents: dict[str, object] = {name: row[name] for name in (*named, "details", "expected_site")}
    return contents | {"packet": row["packet_id"], "site": row["site_code"]}


def _script_contents(row: Mapping[str, Any]) -> dict[str, object]:
    named = ("id", "kind", "occurred_at", "received_at", "actor", "place", "source", "corrects_id", "details")
    return {name: row[name] for name in named} | {"script": row["script_id"]}


def downgrade() -> None:
    for table in ("site_route", "site", "packet_tracking_number"):
        op.drop_table(table)
    for table, owner in (("packet_event", "packet"), ("script_event", "script")):
        op.drop_index(f"uq_{table}_{owner}_id", table)
    added = {
        "packet": [*_HEAD, *(f"{step}_at" for step in _STEPS)],
        "script": _HEAD,
        "packet_event": ["site_code", "expected_site", *_LINK],
        "script_event": ["source", "corrects_id", *_LINK],
    }
    for table, columns in added.items():
        for column in columns:
            op.drop_column(table, column)
