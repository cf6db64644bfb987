"""Inspection: what is shown in place of a document, what the scanner said, who acts on a hold; work in a fair order.

What was released before has nothing made in its place yet: it is made in the background, and shown from the original
meanwhile. What was being checked is checked again from the beginning.

Revision: 0024; follows: 0023
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def _of_documents() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("remedy_kind", sa.String(16)),
        sa.Column("scan_state", sa.String(16)),
        sa.Column("scan_signature", sa.String(200)),
        sa.Column("duration_seconds", sa.Float()),
        sa.Column("notes", sa.JSON()),
    )


def _of_work() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("lane", sa.String(36), nullable=False, server_default=""),
        sa.Column("turn", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("claims", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("set_aside_at", Instant()),
    )


def upgrade() -> None:
    for column in _of_documents():
        op.add_column("document", column)
    for column in _of_work():
        op.add_column("work", column)
    op.create_index("ix_work_turn", "work", ["finished_at", "turn"])
    op.create_index("ix_work_lane", "work", ["finished_at", "lane", "turn"])
    op.create_table(
        "derivative",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "document_id",
            sa.String(36),
            sa.ForeignKey("document.id", name="fk_derivative_document_id_document"),
            nullable=False,
        ),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column(
            "oid",
            sa.String(36),
            sa.ForeignKey("stored_object.oid", name="fk_derivative_oid_stored_object"),
            nullable=False,
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("index", sa.JSON(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.UniqueConstraint("oid", name="uq_derivative_oid"),
        sa.UniqueConstraint("document_id", "kind", "first", name="uq_derivative_document_id"),
    )
    op.execute("UPDATE document SET state = 'verifying' WHERE state = 'verified'")
    op.execute("UPDATE document SET remedy_kind = 'replace' WHERE state = 'held'")
    op.execute("UPDATE document SET scan_state = 'none' WHERE state = 'released'")
    op.execute(
        "INSERT INTO work (id, kind, subject_id, lane, turn, attempts, claims, available_at) "
        "SELECT document.id, 'derive', document.id, 'derive', 0, 0, 0, document.received_at FROM document "
        "JOIN evidence ON evidence.document_id = document.id WHERE document.state = 'released'"
    )


def downgrade() -> None:
    op.execute("DELETE FROM work WHERE kind = 'derive'")
    op.execute("UPDATE document SET state = 'verified' WHERE state IN ('verifying', 'typed', 'scanned', 'derived')")
    op.drop_table("derivative")
    op.drop_index("ix_work_lane", table_name="work")
    op.drop_index("ix_work_turn", table_name="work")
    with op.batch_alter_table("work") as batch:
        for column in _of_work():
            batch.drop_column(column.name)
    with op.batch_alter_table("document") as batch:
        for column in _of_documents():
            batch.drop_column(column.name)
