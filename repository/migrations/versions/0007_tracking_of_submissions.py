"""Tracking of submissions: evidence slots, extensions, reopenings, reminders; documents about a whole cohort.

Revision: 0007; follows: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_UNDECIDED = sa.text("decided_at IS NULL")


def upgrade() -> None:
    _tables()
    op.create_index("ix_extension_case_id", "extension", ["case_id"])
    op.create_index("ix_reopening_case_id", "reopening", ["case_id"])
    for name, table, columns in (
        ("uq_extension_undecided", "extension", ["case_id", "subject"]),
        ("uq_reopening_undecided", "reopening", ["case_id"]),
    ):
        op.create_index(name, table, columns, unique=True, sqlite_where=_UNDECIDED, postgresql_where=_UNDECIDED)
    with op.batch_alter_table("moderation_case") as batch:
        batch.add_column(sa.Column("marks_extended_on", sa.Date(), nullable=True))
    for table in ("upload", "evidence"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("case_id", sa.String(36), nullable=True))
        op.execute(
            f"UPDATE {table} SET case_id = "  # noqa: S608
            f"(SELECT sample_item.case_id FROM sample_item WHERE sample_item.id = {table}.sample_item_id)"
        )
        with op.batch_alter_table(table) as batch:
            batch.alter_column("case_id", existing_type=sa.String(36), nullable=False)
            batch.alter_column("sample_item_id", existing_type=sa.String(36), nullable=True)
            batch.create_index(f"ix_{table}_case_id", ["case_id"])
            batch.create_foreign_key(f"fk_{table}_case_id_moderation_case", "moderation_case", ["case_id"], ["id"])


def downgrade() -> None:
    for table in ("upload", "evidence"):
        # What belongs to a whole cohort has no place in the older shape.
        op.execute(f"DELETE FROM {table} WHERE sample_item_id IS NULL")  # noqa: S608
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_case_id_moderation_case", type_="foreignkey")
            batch.drop_index(f"ix_{table}_case_id")
            batch.alter_column("sample_item_id", existing_type=sa.String(36), nullable=False)
            batch.drop_column("case_id")
    with op.batch_alter_table("moderation_case") as batch:
        batch.drop_column("marks_extended_on")
    for table in ("missing_work", "item_finding", "reopening", "reminder", "extension", "evidence_slot", "incident"):
        op.drop_table(table)


def _tables() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=True),
        sa.Column("centre_numbers", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("cases_extended", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name=op.f("ck_incident_two_people")),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_incident_series_key_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_table(
        "evidence_slot",
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("component_code", sa.String(length=12), nullable=False),
        sa.Column("slot", sa.String(length=63), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("hint", sa.String(length=200), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("media_types", sa.JSON(), nullable=False),
        sa.Column("max_bytes", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_slot_component",
        ),
        sa.PrimaryKeyConstraint("series_key", "component_code", "slot", name=op.f("pk_evidence_slot")),
    )
    op.create_table(
        "extension",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=10), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("wanted_on", sa.Date(), nullable=False),
        sa.Column("due_before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=False),
        sa.Column("granted_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name=op.f("ck_extension_two_people")),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name=op.f("fk_extension_case_id_moderation_case")),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_extension_incident_id_incident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extension")),
    )
    op.create_table(
        "reminder",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=10), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("working_days", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name=op.f("fk_reminder_case_id_moderation_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "case_id", "subject", "due_at", "working_days", name=op.f("uq_reminder_case_id_subject_due_at_working_days")
        ),
    )
    op.create_table(
        "reopening",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("receipt_before", sa.String(length=36), nullable=True),
        sa.Column("receipt_after", sa.String(length=36), nullable=True),
        sa.Column("resubmitted_by", sa.String(length=64), nullable=True),
        sa.Column("resubmitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name=op.f("ck_reopening_two_people")),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name=op.f("fk_reopening_case_id_moderation_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reopening")),
    )
    op.create_table(
        "item_finding",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sample_item_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("consignment_id", sa.String(length=36), nullable=True),
        sa.Column("finding", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("found_by", sa.String(length=64), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["consignment_id"], ["consignment.id"], name=op.f("fk_item_finding_consignment_id_consignment")
        ),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name=op.f("fk_item_finding_sample_item_id_sample_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_finding")),
        sa.UniqueConstraint("sample_item_id", "number", name=op.f("uq_item_finding_sample_item_id_number")),
    )
    op.create_table(
        "missing_work",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sample_item_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("loss", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("said_by", sa.String(length=64), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name=op.f("fk_missing_work_sample_item_id_sample_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_missing_work")),
        sa.UniqueConstraint("sample_item_id", "number", name=op.f("uq_missing_work_sample_item_id_number")),
    )
