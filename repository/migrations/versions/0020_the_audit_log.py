"""The audit log: an inbox that acts write into, the log itself, its tree, its checkpoints; counts of refusals.

Events recorded so far wait in the inbox, in their order, and enter the log when the sequencer next looks.

Revision: 0020; follows: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_KEPT = "at, request_id, person_id, assignment_id, action, object_kind, object_id, outcome, details"


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _event_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(36)),
        sa.Column("assignment_id", sa.String(36)),
        sa.Column("role", sa.String(32)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("object_kind", sa.String(32), nullable=False),
        sa.Column("object_id", sa.String(64), nullable=False),
        sa.Column("centre_number", sa.String(5)),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("address_hash", sa.String(32)),
        sa.Column("details", sa.JSON(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "audit_inbox",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        *_event_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_audit_inbox"),
        sa.UniqueConstraint("event_id", name="uq_audit_inbox_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_log",
        sa.Column("history", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("inbox_id", sa.BigInteger(), nullable=False),
        *_event_columns(),
        sa.PrimaryKeyConstraint("history", "seq", name="pk_audit_log"),
        sa.UniqueConstraint("event_id", name="uq_audit_log_event_id"),
    )
    op.create_index("ix_audit_log_object_id", "audit_log", ["object_id"])
    op.create_index("ix_audit_log_centre_number_at", "audit_log", ["centre_number", "at"])
    op.create_table(
        "audit_history",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(200), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_history"),
        sa.UniqueConstraint("origin", name="uq_audit_history_origin"),
    )
    op.create_table(
        "audit_tile",
        sa.Column("history", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("tile_index", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(8192), nullable=False),
        sa.PrimaryKeyConstraint("history", "level", "tile_index", name="pk_audit_tile"),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("history", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_at", Instant(), nullable=False),
        sa.Column("published_at", Instant()),
        sa.PrimaryKeyConstraint("history", "size", name="pk_audit_checkpoint"),
    )
    op.create_table(
        "refusal_count",
        sa.Column("minute_at", Instant(), nullable=False),
        sa.Column("address_hash", sa.String(32), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("recorded", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute_at", "address_hash", name="pk_refusal_count"),
    )
    fresh = (
        "lower(hex(randomblob(16)))" if op.get_bind().dialect.name == "sqlite" else "CAST(gen_random_uuid() AS text)"
    )
    op.execute(f"INSERT INTO audit_inbox (event_id, {_KEPT}) SELECT {fresh}, {_KEPT} FROM audit_event ORDER BY id")
    op.drop_index("ix_audit_event_object_id", table_name="audit_event")
    op.drop_table("audit_event")


def downgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(36)),
        sa.Column("assignment_id", sa.String(36)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("object_kind", sa.String(32), nullable=False),
        sa.Column("object_id", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_event"),
    )
    op.create_index("ix_audit_event_object_id", "audit_event", ["object_id"])
    every = f"SELECT inbox_id AS number, {_KEPT} FROM audit_log UNION ALL SELECT id AS number, {_KEPT} FROM audit_inbox"
    op.execute(f"INSERT INTO audit_event ({_KEPT}) SELECT {_KEPT} FROM ({every}) AS every_event ORDER BY number")
    for table in ("refusal_count", "audit_checkpoint", "audit_tile", "audit_history"):
        op.drop_table(table)
    op.drop_index("ix_audit_log_centre_number_at", table_name="audit_log")
    op.drop_index("ix_audit_log_object_id", table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_table("audit_inbox")
