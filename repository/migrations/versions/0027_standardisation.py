"""Practice, approval, seeds, and reading blind.

Revision: 0027; follows: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from moderation.tables import Instant

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def _of_component(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["series_key", "component_code"],
        ["component.series_key", "component.component_code"],
        name=f"fk_{table}_component",
    )


def upgrade() -> None:
    with op.batch_alter_table("component") as batch:
        batch.add_column(sa.Column("read_blind", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "standardisation_plan",
        sa.Column("series_key", sa.String(12), primary_key=True),
        sa.Column("component_code", sa.String(12), primary_key=True),
        sa.Column("approval_required", sa.Boolean(), nullable=False),
        sa.Column("uses_seeds", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        _of_component("standardisation_plan"),
    )
    op.create_table(
        "standardisation_work",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("series_key", sa.String(12), nullable=False),
        sa.Column("component_code", sa.String(12), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sample_item_id", sa.String(36), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("centre_number", sa.String(5), nullable=False),
        sa.Column("agreed_mark", sa.Integer(), nullable=False),
        sa.Column("commentary", sa.String(2000), nullable=False),
        sa.Column("proposed_by", sa.String(64), nullable=False),
        sa.Column("proposed_at", Instant(), nullable=False),
        sa.Column("confirmed_by", sa.String(64)),
        sa.Column("confirmed_at", Instant()),
        sa.Column("retired_at", Instant()),
        sa.CheckConstraint("agreed_mark >= 0", name="ck_standardisation_work_mark_not_negative"),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> proposed_by", name="ck_standardisation_work_two_people"
        ),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name="fk_standardisation_work_sample_item_id_sample_item"
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name="fk_standardisation_work_case_id_moderation_case"
        ),
        sa.UniqueConstraint(
            "series_key",
            "component_code",
            "sample_item_id",
            name="uq_standardisation_work_item",
        ),
        sa.UniqueConstraint(
            "series_key",
            "component_code",
            "kind",
            "number",
            name="uq_standardisation_work_number",
        ),
        _of_component("standardisation_work"),
    )
    op.create_index("ix_standardisation_work_sample_item_id", "standardisation_work", ["sample_item_id"])
    op.create_table(
        "standardisation_reading",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("work_id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(36)),
        sa.Column("given_at", Instant(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer()),
        sa.Column("comment", sa.String(2000), nullable=False),
        sa.Column("marked_at", Instant()),
        sa.CheckConstraint("mark IS NULL OR mark >= 0", name="ck_standardisation_reading_mark_not_negative"),
        sa.ForeignKeyConstraint(
            ["work_id"], ["standardisation_work.id"], name="fk_standardisation_reading_work_id_standardisation_work"
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name="fk_standardisation_reading_case_id_moderation_case"
        ),
        sa.UniqueConstraint("work_id", "person_id", name="uq_standardisation_reading_work_id_person_id"),
    )
    op.create_index("ix_standardisation_reading_person_id", "standardisation_reading", ["person_id"])
    op.create_index("ix_standardisation_reading_case_id", "standardisation_reading", ["case_id"])
    op.create_table(
        "moderator_approval",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("series_key", sa.String(12), nullable=False),
        sa.Column("component_code", sa.String(12), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("decided_by", sa.String(64), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.CheckConstraint("decided_by <> person_id", name="ck_moderator_approval_two_people"),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name="fk_moderator_approval_series_key_series"),
        sa.UniqueConstraint(
            "series_key",
            "component_code",
            "person_id",
            "number",
            name="uq_moderator_approval_number",
        ),
    )


def downgrade() -> None:
    for table in ("moderator_approval", "standardisation_reading", "standardisation_work", "standardisation_plan"):
        op.drop_table(table)
    with op.batch_alter_table("component") as batch:
        batch.drop_column("read_blind")
