"""Scripts after marking: copies given to centres, how long scripts are kept, and their destruction.

Revision: 0037; follows: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def _ref(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}")


def upgrade() -> None:
    op.create_table(
        "script_copy",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("script_id", sa.String(36), nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("document_id", sa.String(36), nullable=False),
        sa.Column("given_to", sa.String(36), nullable=False),
        sa.Column("given_at", Instant(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_script_copy"),
        _ref("script_copy", "script_id", "script"),
        _ref("script_copy", "request_id", "review_request"),
        _ref("script_copy", "document_id", "document"),
        _ref("script_copy", "given_to", "person"),
    )
    for column in ("script_id", "request_id", "document_id"):
        op.create_index(f"ix_script_copy_{column}", "script_copy", [column])
    op.create_table(
        "script_retention_rule",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("awarding_body", sa.String(2), nullable=False),
        sa.Column("component_code", sa.String(12), nullable=False),
        sa.Column("what", sa.String(5), nullable=False),
        sa.Column("margin_days", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("set_by", sa.String(36), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_script_retention_rule"),
        _ref("script_retention_rule", "set_by", "person"),
        sa.CheckConstraint("what IN ('scans', 'paper')", name="ck_script_retention_rule_what"),
    )
    op.create_table(
        "script_destruction",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("sitting_id", sa.String(36), nullable=False),
        sa.Column("what", sa.String(5), nullable=False),
        sa.Column("proposed_by", sa.String(36), nullable=False),
        sa.Column("proposed_at", Instant(), nullable=False),
        sa.Column("confirmed_by", sa.String(36)),
        sa.Column("confirmed_at", Instant()),
        sa.Column("decided", sa.JSON()),
        sa.Column("destroyed_by", sa.String(100), nullable=False, server_default=""),
        sa.Column("witnessed_by", sa.String(100), nullable=False, server_default=""),
        sa.Column("method", sa.String(20), nullable=False, server_default=""),
        sa.Column("boxes", sa.String(200), nullable=False, server_default=""),
        sa.Column("destroyed_on", sa.Date()),
        sa.Column("withdrawn_at", Instant()),
        sa.Column("finished_at", Instant()),
        sa.Column("receipt_id", sa.String(36)),
        sa.PrimaryKeyConstraint("id", name="pk_script_destruction"),
        _ref("script_destruction", "sitting_id", "sitting"),
        _ref("script_destruction", "proposed_by", "person"),
        _ref("script_destruction", "confirmed_by", "person"),
        _ref("script_destruction", "receipt_id", "receipt"),
        sa.CheckConstraint("what IN ('scans', 'paper')", name="ck_script_destruction_what"),
    )
    op.create_index("ix_script_destruction_sitting_id", "script_destruction", ["sitting_id"])


def downgrade() -> None:
    for table in ("script_destruction", "script_retention_rule", "script_copy"):
        op.drop_table(table)
