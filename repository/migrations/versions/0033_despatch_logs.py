"""Despatch logs and the evidence of custody.

Revision: 0033; follows: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "despatch_entry",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("centre_number", sa.String(5), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("clock_behind_seconds", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(40), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("recorded_by", sa.String(100), nullable=False),
        sa.Column("corrects_id", sa.String(40)),
        sa.Column("said_sha256", sa.String(64), nullable=False),
        sa.Column("signed_as", sa.String(16), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_despatch_entry"),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["despatch_entry.id"], name="fk_despatch_entry_corrects_id_despatch_entry"
        ),
        sa.CheckConstraint("kind IN ('sealed', 'handed_over', 'booked')", name="ck_despatch_entry_kind"),
    )
    for column in ("centre_number", "received_at", "corrects_id"):
        op.create_index(f"ix_despatch_entry_{column}", "despatch_entry", [column])
    op.create_table(
        "despatch_line",
        sa.Column("entry_id", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("packet_id", sa.String(36), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("script_count", sa.Integer()),
        sa.Column("expected_count", sa.Integer()),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_despatch_line"),
        sa.ForeignKeyConstraint(["entry_id"], ["despatch_entry.id"], name="fk_despatch_line_entry_id_despatch_entry"),
        sa.ForeignKeyConstraint(["packet_id"], ["packet.id"], name="fk_despatch_line_packet_id_packet"),
    )
    op.create_index("ix_despatch_line_packet_id", "despatch_line", ["packet_id"])
    op.create_table(
        "custody_evidence",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("sitting_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("document_id", sa.String(36), nullable=False),
        sa.Column("sent_id", sa.String(40), nullable=False),
        sa.Column("sent_sha256", sa.String(64), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("added_by", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_custody_evidence"),
        sa.ForeignKeyConstraint(["sitting_id"], ["sitting.id"], name="fk_custody_evidence_sitting_id_sitting"),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_custody_evidence_document_id_document"),
        sa.UniqueConstraint("event_id", "sent_id", name="uq_custody_evidence_event_id"),
        sa.CheckConstraint(
            "kind IN ('photograph', 'signature', 'proof_of_posting', 'paper_log', 'video_still')",
            name="ck_custody_evidence_kind",
        ),
    )
    for column in ("event_id", "sitting_id", "document_id"):
        op.create_index(f"ix_custody_evidence_{column}", "custody_evidence", [column])


def downgrade() -> None:
    for table in ("custody_evidence", "despatch_line", "despatch_entry"):
        op.drop_table(table)
