"""Marking and its checks: amendments, criteria, team leaders, holds.

Revision: 0008; follows: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outcome") as batch:
        batch.add_column(sa.Column("policy_id", sa.String(40), nullable=False, server_default="project-default"))
        batch.add_column(sa.Column("policy_revision", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "principal_moderator",
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_principal_moderator_series_key_series")),
        sa.PrimaryKeyConstraint("series_key", "component_code", "person_id", name=op.f("pk_principal_moderator")),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("leader_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_team_series_key_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint(
            "series_key", "component_code", "leader_id", name=op.f("uq_team_series_key_component_code_leader_id")
        ),
    )
    op.create_table(
        "team_member",
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("leader_id", sa.String(length=64), nullable=False),
        sa.Column("team_id", sa.String(length=36), nullable=False),
        sa.CheckConstraint("person_id <> leader_id", name=op.f("ck_team_member_not_own_leader")),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_team_member_series_key_series")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_team_member_team_id_team")),
        sa.PrimaryKeyConstraint("series_key", "component_code", "person_id", name=op.f("pk_team_member")),
    )
    op.create_index(op.f("ix_team_member_leader_id"), "team_member", ["leader_id"], unique=False)
    op.create_table(
        "mark_amendment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("before_status", sa.String(length=30), nullable=False),
        sa.Column("before_mark", sa.Integer(), nullable=True),
        sa.Column("after_status", sa.String(length=30), nullable=False),
        sa.Column("after_mark", sa.Integer(), nullable=True),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=True),
        sa.Column("sample_choice", sa.String(length=20), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mark_set_version", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> proposed_by", name=op.f("ck_mark_amendment_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_mark_amendment_candidate_id_candidate")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name=op.f("fk_mark_amendment_case_id_moderation_case")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mark_amendment")),
    )
    op.create_index(op.f("ix_mark_amendment_case_id"), "mark_amendment", ["case_id"], unique=False)
    op.create_table(
        "support_call",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("spoken_with", sa.String(length=120), nullable=False),
        sa.Column("notes", sa.String(length=2000), nullable=False),
        sa.Column("noted_by", sa.String(length=64), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name=op.f("fk_support_call_case_id_moderation_case")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_call")),
    )
    op.create_index(op.f("ix_support_call_case_id"), "support_call", ["case_id"], unique=False)
    op.create_table(
        "suspicion",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=True),
        sa.Column("statement", sa.String(length=2000), nullable=False),
        sa.Column("raised_by", sa.String(length=64), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> raised_by", name=op.f("ck_suspicion_two_people")),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name=op.f("fk_suspicion_candidate_id_candidate")),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name=op.f("fk_suspicion_case_id_moderation_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspicion")),
    )
    op.create_index(op.f("ix_suspicion_case_id"), "suspicion", ["case_id"], unique=False)
    op.create_table(
        "centre_feedback",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("outcome_id", sa.String(length=36), nullable=False),
        sa.Column("feedback", sa.String(length=2000), nullable=False),
        sa.Column("given_by", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name=op.f("fk_centre_feedback_case_id_moderation_case")
        ),
        sa.ForeignKeyConstraint(["outcome_id"], ["outcome.id"], name=op.f("fk_centre_feedback_outcome_id_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_centre_feedback")),
    )
    op.create_index(op.f("ix_centre_feedback_case_id"), "centre_feedback", ["case_id"], unique=False)
    op.create_table(
        "malpractice_hold",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=True),
        sa.Column("suspicion_id", sa.String(length=36), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("held_by", sa.String(length=64), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("release_reason", sa.String(length=500), nullable=False),
        sa.Column("released_by", sa.String(length=64), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_malpractice_hold_candidate_id_candidate")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name=op.f("fk_malpractice_hold_case_id_moderation_case")
        ),
        sa.ForeignKeyConstraint(
            ["suspicion_id"], ["suspicion.id"], name=op.f("fk_malpractice_hold_suspicion_id_suspicion")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_malpractice_hold")),
    )
    op.create_index(op.f("ix_malpractice_hold_case_id"), "malpractice_hold", ["case_id"], unique=False)
    op.create_table(
        "moderator_check",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("outcome_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_principal", sa.Boolean(), nullable=False),
        sa.Column("checker_id", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name=op.f("fk_moderator_check_case_id_moderation_case")
        ),
        sa.ForeignKeyConstraint(["outcome_id"], ["outcome.id"], name=op.f("fk_moderator_check_outcome_id_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moderator_check")),
        sa.UniqueConstraint("case_id", "number", name=op.f("uq_moderator_check_case_id_number")),
    )
    op.create_index(op.f("ix_moderator_check_outcome_id"), "moderator_check", ["outcome_id"], unique=False)
    op.create_table(
        "check_item",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("check_id", sa.String(length=36), nullable=False),
        sa.Column("sample_item_id", sa.String(length=36), nullable=False),
        sa.Column("moderator_id", sa.String(length=64), nullable=False),
        sa.Column("moderator_mark", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(length=2000), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mark IS NULL OR mark >= 0", name=op.f("ck_check_item_mark_not_negative")),
        sa.ForeignKeyConstraint(
            ["check_id"], ["moderator_check.id"], name=op.f("fk_check_item_check_id_moderator_check")
        ),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name=op.f("fk_check_item_sample_item_id_sample_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_item")),
        sa.UniqueConstraint("check_id", "sample_item_id", name=op.f("uq_check_item_check_id_sample_item_id")),
    )


def downgrade() -> None:
    op.drop_table("check_item")
    op.drop_index(op.f("ix_moderator_check_outcome_id"), table_name="moderator_check")
    op.drop_table("moderator_check")
    op.drop_index(op.f("ix_malpractice_hold_case_id"), table_name="malpractice_hold")
    op.drop_table("malpractice_hold")
    op.drop_index(op.f("ix_centre_feedback_case_id"), table_name="centre_feedback")
    op.drop_table("centre_feedback")
    op.drop_index(op.f("ix_suspicion_case_id"), table_name="suspicion")
    op.drop_table("suspicion")
    op.drop_index(op.f("ix_support_call_case_id"), table_name="support_call")
    op.drop_table("support_call")
    op.drop_index(op.f("ix_mark_amendment_case_id"), table_name="mark_amendment")
    op.drop_table("mark_amendment")
    op.drop_index(op.f("ix_team_member_leader_id"), table_name="team_member")
    op.drop_table("team_member")
    op.drop_table("team")
    op.drop_table("principal_moderator")
    with op.batch_alter_table("outcome") as batch:
        batch.drop_column("policy_revision")
        batch.drop_column("policy_id")
