"""Sample rules as data: profiles, exemptions, replaced and added works.

Revision: 0006; follows: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_CURRENT = sa.text("superseded_at IS NULL")
_WITHDRAWN = sa.text("withdrawn_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "moderation_policy",
        sa.Column("policy_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("policy_id", "version", name=op.f("pk_moderation_policy")),
    )
    op.create_table(
        "rule_assignment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("awarding_body", sa.String(length=2), nullable=False),
        sa.Column("family", sa.String(length=1), nullable=False),
        sa.Column("series", sa.String(length=4), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("profile_id", sa.String(length=40), nullable=True),
        sa.Column("profile_version", sa.Integer(), nullable=True),
        sa.Column("policy_id", sa.String(length=40), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_by", sa.String(length=64), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_assignment")),
    )
    op.create_index(
        "uq_rule_assignment_current",
        "rule_assignment",
        ["awarding_body", "family", "series", "component_code"],
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    )

    op.create_table(
        "sample_profile",
        sa.Column("profile_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "version", name=op.f("pk_sample_profile")),
    )
    op.create_table(
        "sample_exemption",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("awarding_body", sa.String(length=2), nullable=False),
        sa.Column("centre_number", sa.String(length=5), nullable=False),
        sa.Column("family", sa.String(length=1), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.String(length=64), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "component_code <> '' OR family <> ''", name=op.f("ck_sample_exemption_names_component_or_family")
        ),
        sa.ForeignKeyConstraint(
            ["centre_number"], ["centre.centre_number"], name=op.f("fk_sample_exemption_centre_number_centre")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_exemption")),
    )
    op.create_index(op.f("ix_sample_exemption_centre_number"), "sample_exemption", ["centre_number"], unique=False)

    op.create_table(
        "work_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sample_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sample_id"], ["sample.id"], name=op.f("fk_work_request_sample_id_sample")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_request")),
    )
    op.create_index(op.f("ix_work_request_sample_id"), "work_request", ["sample_id"], unique=False)

    op.create_index("ix_entry_withdrawn", "entry", ["series_key"], sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN)
    with op.batch_alter_table("sample") as batch:
        batch.add_column(sa.Column("entered_total", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("chosen_by", sa.String(64), nullable=True))
        batch.add_column(sa.Column("choice_reason", sa.String(500), nullable=False, server_default=""))
    with op.batch_alter_table("sample_item") as batch:
        batch.add_column(sa.Column("request_id", sa.String(36), nullable=True))
        batch.add_column(sa.Column("replaces_item_id", sa.String(36), nullable=True))
        batch.add_column(sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("replaced_by", sa.String(64), nullable=True))
        batch.add_column(sa.Column("replacement_reason", sa.String(30), nullable=False, server_default=""))
        batch.create_foreign_key(op.f("fk_sample_item_request_id_work_request"), "work_request", ["request_id"], ["id"])
        batch.create_foreign_key(
            op.f("fk_sample_item_replaces_item_id_sample_item"), "sample_item", ["replaces_item_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("sample_item") as batch:
        batch.drop_constraint(op.f("fk_sample_item_replaces_item_id_sample_item"), type_="foreignkey")
        batch.drop_constraint(op.f("fk_sample_item_request_id_work_request"), type_="foreignkey")
        for name in ("replacement_reason", "replaced_by", "replaced_at", "replaces_item_id", "request_id"):
            batch.drop_column(name)
    with op.batch_alter_table("sample") as batch:
        for name in ("choice_reason", "chosen_by", "entered_total"):
            batch.drop_column(name)
    op.drop_index("ix_entry_withdrawn", table_name="entry")
    op.drop_index(op.f("ix_work_request_sample_id"), table_name="work_request")
    op.drop_table("work_request")
    op.drop_index(op.f("ix_sample_exemption_centre_number"), table_name="sample_exemption")
    op.drop_table("sample_exemption")
    op.drop_index("uq_rule_assignment_current", table_name="rule_assignment")
    op.drop_table("rule_assignment")
    op.drop_table("moderation_policy")
    op.drop_table("sample_profile")
