"""Cases of scripts: owners, clocks and history; scripts declared missing; the day of results.

Revision: 0036; follows: 0035
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("script_case", sa.Column("level", sa.String(8), nullable=False, server_default="script"))
    op.add_column(
        "script_case", sa.Column("owner_role", sa.String(20), nullable=False, server_default="tracking_clerk")
    )
    op.add_column("script_case", sa.Column("alarm", sa.String(8), nullable=False, server_default="none"))
    op.add_column("script_case", sa.Column("alarm_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("script_case", sa.Column("centre_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("script_case", sa.Column("decide_by", sa.Date(), nullable=True))
    op.add_column("register_line", sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("series", sa.Column("results_on", sa.Date(), nullable=True))
    op.create_table(
        "script_case_event",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("script_case_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("note", sa.String(2000), nullable=False),
        sa.Column("to_centre", sa.Boolean(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["script_case_id"], ["script_case.id"], name=op.f("fk_script_case_event_script_case_id_script_case")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_case_event")),
        sa.UniqueConstraint("script_case_id", "number", name=op.f("uq_script_case_event_script_case_id")),
    )
    op.create_index(op.f("ix_script_case_event_script_case_id"), "script_case_event", ["script_case_id"])
    op.create_table(
        "declared_missing",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("script_case_id", sa.String(36), nullable=False),
        sa.Column("script_id", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("stage_lost", sa.String(40), nullable=False),
        sa.Column("cause", sa.String(80), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_by", sa.String(100), nullable=False),
        sa.Column("located_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["script_case_id"], ["script_case.id"], name=op.f("fk_declared_missing_script_case_id_script_case")
        ),
        sa.ForeignKeyConstraint(["script_id"], ["script.id"], name=op.f("fk_declared_missing_script_id_script")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declared_missing")),
    )
    for column in ("script_case_id", "script_id"):
        op.create_index(op.f(f"ix_declared_missing_{column}"), "declared_missing", [column])


def downgrade() -> None:
    op.drop_table("declared_missing")
    op.drop_table("script_case_event")
    op.drop_column("series", "results_on")
    op.drop_column("register_line", "late")
    for name in ("decide_by", "centre_from", "alarm_at", "alarm", "owner_role", "level"):
        op.drop_column("script_case", name)
