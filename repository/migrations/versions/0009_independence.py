"""Independence: declared and automatic conflicts, involvement, accounts of one person; when an allocation was given.

Revision: 0009; follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conflict",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("centre_number", sa.String(length=5), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=True),
        sa.Column("series_key", sa.String(length=12), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=True),
        sa.Column("declared_by", sa.String(length=64), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=500), nullable=False),
        sa.CheckConstraint("kind IN ('EMPLOYED', 'TAUGHT', 'RELATED', 'OTHER')", name=op.f("ck_conflict_kind_known")),
        sa.CheckConstraint("origin IN ('DECLARED', 'AUTOMATIC')", name=op.f("ck_conflict_origin_known")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_conflict_ended_whole")),
        sa.CheckConstraint("ended_by IS NULL OR ended_by <> person_id", name=op.f("ck_conflict_not_own_end")),
        sa.CheckConstraint("ended_by IS NULL OR ended_by <> declared_by", name=op.f("ck_conflict_two_people")),
        sa.CheckConstraint("ended_by IS NULL OR end_reason <> ''", name=op.f("ck_conflict_end_has_reason")),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name=op.f("fk_conflict_candidate_id_candidate")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
    )
    op.create_index("ix_conflict_centre_number", "conflict", ["centre_number"])
    op.create_index("ix_conflict_person_id", "conflict", ["person_id"])
    op.create_table(
        "involvement",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("work_id", sa.String(length=36), nullable=False),
        sa.Column("work_kind", sa.String(length=12), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "person_id", "act", "work_id", name=op.f("pk_involvement")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "person_alias",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("other_id", sa.String(length=64), nullable=False),
        sa.Column("merged_by", sa.String(length=64), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.CheckConstraint("person_id <> other_id", name=op.f("ck_person_alias_two_accounts")),
        sa.CheckConstraint(
            "merged_by <> person_id AND merged_by <> other_id", name=op.f("ck_person_alias_merged_by_another")
        ),
        sa.PrimaryKeyConstraint("person_id", "other_id", name=op.f("pk_person_alias")),
    )
    with op.batch_alter_table("allocation") as batch:
        batch.add_column(sa.Column("granted_by", sa.String(64), nullable=True))
        batch.add_column(sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE allocation SET granted_at = opens_at")
    _involvement_so_far()
    _roles_so_far()


def downgrade() -> None:
    with op.batch_alter_table("allocation") as batch:
        batch.drop_column("granted_at")
        batch.drop_column("granted_by")
    op.drop_table("person_alias")
    op.drop_table("involvement")
    op.drop_table("conflict")


def _involvement_so_far() -> None:
    """What was marked, proposed and confirmed before there were guards to note it."""
    columns = "case_id, person_id, act, work_id, work_kind, done_at"
    op.execute(
        f"INSERT INTO involvement ({columns}) "  # noqa: S608
        "SELECT i.case_id, m.marked_by, 'MODERATED', m.sample_item_id, 'SAMPLE_ITEM', MIN(m.marked_at) "
        "FROM moderator_mark m JOIN sample_item i ON i.id = m.sample_item_id "
        "GROUP BY i.case_id, m.marked_by, m.sample_item_id"
    )
    for act, person, instant in (
        ("PROPOSED", "proposed_by", "proposed_at"),
        ("CONFIRMED", "confirmed_by", "confirmed_at"),
    ):
        op.execute(
            f"INSERT INTO involvement ({columns}) "  # noqa: S608
            f"SELECT case_id, {person}, '{act}', case_id, 'CASE', MIN({instant}) FROM outcome "
            f"WHERE {person} IS NOT NULL AND {person} <> 'system' GROUP BY case_id, {person}"
        )


def _roles_so_far() -> None:
    """Roles at centres that stand, or stood: each is an automatic conflict until three years after it."""
    if op.get_bind().dialect.name == "sqlite":
        ends, now = (
            "strftime('%Y-%m-%d %H:%M:%f', valid_to, '+3 years') || '000'",
            "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
        )
    else:
        ends, now = "valid_to + interval '3 years'", "CURRENT_TIMESTAMP"
    op.execute(
        "INSERT INTO conflict (id, person_id, centre_number, kind, origin, note, source_id, declared_by, declared_at, "  # noqa: S608
        "valid_from, valid_to, end_reason) "
        "SELECT id, person_id, centre_number, 'EMPLOYED', 'AUTOMATIC', 'Has, or had, a role at this centre', id, "
        f"'system', {now}, valid_from, CASE WHEN valid_to <= valid_from THEN valid_from ELSE {ends} END, '' "
        "FROM assignment WHERE role IN ('teacher', 'exams_officer') AND centre_number IS NOT NULL"
    )
