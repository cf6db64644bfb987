"""Registers with their history and corrections, capacities of envelopes, prints of labels and emergency labels.

Revision: 0032; follows: 0031
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


MADE = ("label_request", "label_print", "envelope_capacity", "register_change", "register_correction")


def _added() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Return what is added to which table; a column serves one table only, so each run makes its own."""
    return {
        "sitting": (
            sa.Column("moved_from_id", sa.String(36)),
            sa.Column("register_completed_at", Instant()),
            sa.Column("register_completed_by", sa.String(100)),
        ),
        "register_line": (
            sa.Column("seat", sa.Integer()),
            sa.Column("name", sa.String(120), nullable=False, server_default=""),
            sa.Column("centre_number", sa.String(5), nullable=False, server_default=""),
            sa.Column("reason", sa.String(200), nullable=False, server_default=""),
            sa.Column("booklets", sa.Integer(), nullable=False, server_default="1"),
            sa.Column("moved_to_id", sa.String(36)),
        ),
        "packet_label": (sa.Column("kind", sa.String(12), nullable=False, server_default="standard"),),
    }


def upgrade() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "register_correction",
        sa.Column("id", sa.String(36), primary_key=True),
        _sitting("register_correction"),
        sa.Column("candidate_number", sa.String(4), nullable=False),
        sa.Column("field", sa.String(20), nullable=False),
        sa.Column("before", sa.String(120), nullable=False),
        sa.Column("after", sa.String(120), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("asked_by", sa.String(100), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("second_name", sa.String(100), nullable=False),
        sa.Column("decision", sa.String(10)),
        sa.Column("decided_by", sa.String(100)),
        sa.Column("decided_at", Instant()),
        sa.CheckConstraint(
            "field IN ('centre_number', 'candidate_number', 'name', 'mark')", name="ck_register_correction_field"
        ),
        sa.CheckConstraint(
            "decision IS NULL OR decision IN ('confirmed', 'refused')", name="ck_register_correction_decision"
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> asked_by",
            name="ck_register_correction_two_people",
        ),
    )
    op.create_table(
        "register_change",
        sa.Column("id", sa.String(36), primary_key=True),
        _sitting("register_change"),
        sa.Column("candidate_number", sa.String(4), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("before", sa.String(120), nullable=False),
        sa.Column("after", sa.String(120), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column(
            "correction_id",
            sa.String(36),
            sa.ForeignKey("register_correction.id", name="fk_register_change_correction_id_register_correction"),
        ),
        sa.Column("made_by", sa.String(100), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
    )
    op.create_table(
        "envelope_capacity",
        sa.Column("awarding_body", sa.String(2), primary_key=True),
        sa.Column("component_code", sa.String(12), primary_key=True),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.String(100), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
    )
    op.create_table(
        "label_print",
        sa.Column("id", sa.String(36), primary_key=True),
        _sitting("label_print"),
        sa.Column("payload", sa.String(80), nullable=False, index=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("printed_at", Instant(), nullable=False),
        sa.Column("printed_by", sa.String(100), nullable=False),
    )
    op.create_table(
        "label_request",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "packet_id",
            sa.String(36),
            sa.ForeignKey("packet.id", name="fk_label_request_packet_id_packet"),
            nullable=False,
            index=True,
        ),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("asked_by", sa.String(100), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("decision", sa.String(10)),
        sa.Column("decided_by", sa.String(100)),
        sa.Column("decided_at", Instant()),
        sa.Column("answer", sa.String(200), nullable=False),
        sa.Column("payload", sa.String(80)),
        sa.CheckConstraint("decision IS NULL OR decision IN ('issued', 'refused')", name="ck_label_request_decision"),
    )


def _sitting(table: str) -> sa.Column[str]:
    key = sa.ForeignKey("sitting.id", name=f"fk_{table}_sitting_id_sitting")
    return sa.Column("sitting_id", sa.String(36), key, nullable=False, index=True)


def downgrade() -> None:
    for table in MADE:
        op.drop_table(table)
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column.name)
