"""Messages about a case, flags, marks by criterion.

Revision: 0026; follows: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "criterion_mark",
        sa.Column("moderator_mark_id", sa.String(length=36), nullable=False),
        sa.Column("criterion_code", sa.String(length=12), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("maximum_mark", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.CheckConstraint("mark >= 0 AND mark <= maximum_mark", name=op.f("ck_criterion_mark_mark_in_range")),
        sa.ForeignKeyConstraint(
            ["moderator_mark_id"],
            ["moderator_mark.id"],
            name=op.f("fk_criterion_mark_moderator_mark_id_moderator_mark"),
        ),
        sa.PrimaryKeyConstraint("moderator_mark_id", "criterion_code", name=op.f("pk_criterion_mark")),
    )
    op.create_table(
        "safeguarding_concern",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("candidate_id", sa.String(length=36), nullable=True),
        sa.Column("statement", sa.String(length=4000), nullable=False),
        sa.Column("raised_by", sa.String(length=64), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(length=64), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closing_note", sa.String(length=2000), nullable=False),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_safeguarding_concern_candidate_id_candidate")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["moderation_case.id"], name=op.f("fk_safeguarding_concern_case_id_moderation_case")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safeguarding_concern")),
    )
    op.create_index(op.f("ix_safeguarding_concern_case_id"), "safeguarding_concern", ["case_id"], unique=False)
    op.create_table(
        "thread",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("sample_item_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("opened_by", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('DESK', 'CENTRE')", name=op.f("ck_thread_kind_known")),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name=op.f("fk_thread_case_id_moderation_case")),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name=op.f("fk_thread_sample_item_id_sample_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread")),
    )
    op.create_index(op.f("ix_thread_case_id"), "thread", ["case_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("thread_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(length=4000), nullable=False),
        sa.Column("addressed_to", sa.String(length=32), nullable=False),
        sa.Column("written_by", sa.String(length=64), nullable=False),
        sa.Column("written_as", sa.String(length=32), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_message_thread_id_thread")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("thread_id", "number", name=op.f("uq_message_thread_id_number")),
    )
    op.create_table(
        "thread_reading",
        sa.Column("thread_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_thread_reading_thread_id_thread")),
        sa.PrimaryKeyConstraint("thread_id", "person_id", name=op.f("pk_thread_reading")),
    )
    op.create_table(
        "case_look",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name=op.f("fk_case_look_case_id_moderation_case")),
        sa.PrimaryKeyConstraint("case_id", "person_id", name=op.f("pk_case_look")),
    )


def downgrade() -> None:
    op.drop_table("case_look")
    op.drop_table("thread_reading")
    op.drop_table("message")
    op.drop_index(op.f("ix_thread_case_id"), table_name="thread")
    op.drop_table("thread")
    op.drop_index(op.f("ix_safeguarding_concern_case_id"), table_name="safeguarding_concern")
    op.drop_table("safeguarding_concern")
    op.drop_table("criterion_mark")
