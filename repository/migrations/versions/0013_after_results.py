"""After results: reviews, re-checks, access to scripts, appeals, missing results.

Revision: 0013; follows: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_terms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("awarding_body", sa.String(length=2), nullable=False),
        sa.Column("series", sa.String(length=12), nullable=False),
        sa.Column("service", sa.String(length=10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("imported_by", sa.String(length=64), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_terms")),
        sa.UniqueConstraint(
            "awarding_body",
            "series",
            "service",
            "number",
            name=op.f("uq_service_terms_awarding_body_series_service_number"),
        ),
    )
    op.create_table(
        "missing_result",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("centre_number", sa.String(length=5), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("details", sa.String(length=1000), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reported_by", sa.String(length=64), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(length=1000), nullable=False),
        sa.Column("answered_by", sa.String(length=64), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_missing_result_candidate_id_candidate")
        ),
        sa.ForeignKeyConstraint(
            ["centre_number"], ["centre.centre_number"], name=op.f("fk_missing_result_centre_number_centre")
        ),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_missing_result_series_key_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_missing_result")),
    )
    op.create_index(
        "uq_missing_result_open",
        "missing_result",
        ["series_key", "candidate_id", "component_code"],
        unique=True,
        sqlite_where=sa.text("state = 'OPEN'"),
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.create_table(
        "review_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("centre_number", sa.String(length=5), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("service", sa.String(length=10), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=True),
        sa.Column("case_id", sa.String(length=36), nullable=True),
        sa.Column("about_id", sa.String(length=36), nullable=True),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("consent", sa.String(length=12), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("result_version_number", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.String(length=64), nullable=True),
        sa.Column("trigger_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("service <> '3' OR candidate_id IS NULL", name=op.f("ck_review_request_whole_component")),
        sa.CheckConstraint(
            "service NOT IN ('1', '2', 'P2', 'ATS-P', 'ATS') OR candidate_id IS NOT NULL",
            name=op.f("ck_review_request_one_candidate"),
        ),
        sa.CheckConstraint(
            "service NOT IN ('APPEAL-1', 'APPEAL-2') OR about_id IS NOT NULL",
            name=op.f("ck_review_request_appeal_of_review"),
        ),
        sa.ForeignKeyConstraint(
            ["about_id"], ["review_request.id"], name=op.f("fk_review_request_about_id_review_request")
        ),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_review_request_candidate_id_candidate")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name=op.f("fk_review_request_case_id_moderation_case")
        ),
        sa.ForeignKeyConstraint(
            ["centre_number"], ["centre.centre_number"], name=op.f("fk_review_request_centre_number_centre")
        ),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_review_request_series_key_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_request")),
    )
    op.create_index(op.f("ix_review_request_about_id"), "review_request", ["about_id"], unique=False)
    op.create_index(op.f("ix_review_request_case_id"), "review_request", ["case_id"], unique=False)
    op.create_index(op.f("ix_review_request_series_key_state"), "review_request", ["series_key", "state"], unique=False)
    op.create_index(
        "uq_review_request_standing",
        "review_request",
        ["series_key", "service", "component_code", "centre_number", "subject"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('WITHDRAWN', 'REFUSED')"),
        postgresql_where=sa.text("state NOT IN ('WITHDRAWN', 'REFUSED')"),
    )
    op.create_table(
        "appeal",
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("grounds", sa.String(length=60), nullable=False),
        sa.Column("statement", sa.String(length=4000), nullable=False),
        sa.Column("acts_for_head", sa.Boolean(), nullable=False),
        sa.Column("reasons_asked", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("evidence_sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("acts_for_head", name=op.f("ck_appeal_head_of_centre")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["review_request.id"], name=op.f("fk_appeal_request_id_review_request")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_appeal")),
    )
    op.create_table(
        "external_mark_change",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("mark_before", sa.Integer(), nullable=True),
        sa.Column("status_before", sa.String(length=30), nullable=False),
        sa.Column("mark_after", sa.Integer(), nullable=True),
        sa.Column("status_after", sa.String(length=30), nullable=False),
        sa.Column("reason_code", sa.String(length=60), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_external_mark_change_candidate_id_candidate")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["review_request.id"], name=op.f("fk_external_mark_change_request_id_review_request")
        ),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_external_mark_change_series_key_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_mark_change")),
        sa.UniqueConstraint(
            "series_key",
            "component_code",
            "candidate_id",
            "number",
            name=op.f("uq_external_mark_change_series_key_component_code_candidate_id_number"),
        ),
    )
    op.create_table(
        "panel_member",
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("appointed_by", sa.String(length=64), nullable=False),
        sa.Column("appointed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["review_request.id"], name=op.f("fk_panel_member_request_id_review_request")
        ),
        sa.PrimaryKeyConstraint("request_id", "person_id", name=op.f("pk_panel_member")),
    )
    op.create_table(
        "review_consent",
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("wording", sa.String(length=1000), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keep_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["review_request.id"], name=op.f("fk_review_consent_request_id_review_request")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_review_consent")),
    )
    op.create_table(
        "review_mark",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("sample_item_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("comment", sa.String(length=2000), nullable=False),
        sa.Column("marked_by", sa.String(length=64), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mark >= 0", name=op.f("ck_review_mark_mark_not_negative")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["review_request.id"], name=op.f("fk_review_mark_request_id_review_request")
        ),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name=op.f("fk_review_mark_sample_item_id_sample_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_mark")),
        sa.UniqueConstraint(
            "request_id", "sample_item_id", "number", name=op.f("uq_review_mark_request_id_sample_item_id_number")
        ),
    )
    op.create_table(
        "review_outcome",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("finding", sa.String(length=30), nullable=False),
        sa.Column("reason_code", sa.String(length=60), nullable=True),
        sa.Column("rationale", sa.String(length=2000), nullable=False),
        sa.Column("mark_before", sa.Integer(), nullable=True),
        sa.Column("mark_after", sa.Integer(), nullable=True),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(length=64), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fee_pence", sa.Integer(), nullable=True),
        sa.Column("is_fee_due", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> proposed_by", name=op.f("ck_review_outcome_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["review_request.id"], name=op.f("fk_review_outcome_request_id_review_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_outcome")),
        sa.UniqueConstraint("request_id", "number", name=op.f("uq_review_outcome_request_id_number")),
    )
    op.create_table(
        "review_transition",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=False),
        sa.Column("to_state", sa.String(length=20), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["review_request.id"], name=op.f("fk_review_transition_request_id_review_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_transition")),
        sa.UniqueConstraint("request_id", "number", name=op.f("uq_review_transition_request_id_number")),
    )


def downgrade() -> None:
    op.drop_table("review_transition")
    op.drop_table("review_outcome")
    op.drop_table("review_mark")
    op.drop_table("review_consent")
    op.drop_table("panel_member")
    op.drop_table("external_mark_change")
    op.drop_table("appeal")
    op.drop_index(
        "uq_review_request_standing",
        table_name="review_request",
        sqlite_where=sa.text("state NOT IN ('WITHDRAWN', 'REFUSED')"),
        postgresql_where=sa.text("state NOT IN ('WITHDRAWN', 'REFUSED')"),
    )
    op.drop_index(op.f("ix_review_request_series_key_state"), table_name="review_request")
    op.drop_index(op.f("ix_review_request_case_id"), table_name="review_request")
    op.drop_index(op.f("ix_review_request_about_id"), table_name="review_request")
    op.drop_table("review_request")
    op.drop_index(
        "uq_missing_result_open",
        table_name="missing_result",
        sqlite_where=sa.text("state = 'OPEN'"),
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.drop_table("missing_result")
    op.drop_table("service_terms")
