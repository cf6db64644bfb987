"""Explained outcomes: reports of moderators and what a centre is shown.

Revision: 0011; follows: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "criterion",
        sa.Column("series_key", sa.String(12), nullable=False),
        sa.Column("component_code", sa.String(12), nullable=False),
        sa.Column("code", sa.String(12), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("maximum_mark", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series_key", "component_code", "code", name=op.f("pk_criterion")),
        sa.ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_criterion_component",
        ),
        sa.CheckConstraint("maximum_mark > 0", name=op.f("ck_criterion_maximum_positive")),
    )
    op.create_table(
        "moderator_report",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("sample_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("task_suitability", sa.String(4000), nullable=False),
        sa.Column("accuracy", sa.String(4000), nullable=False),
        sa.Column("administration", sa.String(4000), nullable=False),
        sa.Column("general", sa.String(4000), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_by", sa.String(64), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_by", sa.String(64), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_by", sa.String(64), nullable=True),
        sa.Column("return_reason", sa.String(500), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moderator_report")),
        sa.ForeignKeyConstraint(["sample_id"], ["sample.id"], name=op.f("fk_moderator_report_sample_id_sample")),
        sa.UniqueConstraint("sample_id", "number", name=op.f("uq_moderator_report_sample_id_number")),
        sa.CheckConstraint(
            "returned_at IS NULL OR submitted_at IS NOT NULL",
            name=op.f("ck_moderator_report_returned_after_submission"),
        ),
        sa.CheckConstraint(
            "released_at IS NULL OR submitted_at IS NOT NULL",
            name=op.f("ck_moderator_report_released_after_submission"),
        ),
        sa.CheckConstraint(
            "released_at IS NULL OR returned_at IS NULL", name=op.f("ck_moderator_report_released_or_returned")
        ),
        sa.CheckConstraint("returned_by <> submitted_by", name=op.f("ck_moderator_report_returned_by_another")),
    )
    op.create_table(
        "report_line",
        sa.Column("report_id", sa.String(36), nullable=False),
        sa.Column("sample_item_id", sa.String(36), nullable=False),
        sa.Column("criterion_code", sa.String(12), nullable=False),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("comment", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("report_id", "sample_item_id", "criterion_code", name=op.f("pk_report_line")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["moderator_report.id"], name=op.f("fk_report_line_report_id_moderator_report")
        ),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name=op.f("fk_report_line_sample_item_id_sample_item")
        ),
        sa.CheckConstraint("verdict IN ('AGREED', 'GENEROUS', 'SEVERE')", name=op.f("ck_report_line_verdict_known")),
    )


def downgrade() -> None:
    op.drop_table("report_line")
    op.drop_table("moderator_report")
    op.drop_table("criterion")
