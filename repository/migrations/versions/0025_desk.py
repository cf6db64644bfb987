"""The desk of moderators: what is drawn and typed, each stroke.

Revision: 0025; follows: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journal_entry",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("sample_item_id", sa.String(36)),
        sa.Column("document_id", sa.String(36)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("entry_id", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tab", sa.String(36), nullable=False),
        sa.Column("follows", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.CheckConstraint("revision >= 1", name="ck_journal_entry_revision"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_journal_entry_person_id_person"),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name="fk_journal_entry_case_id_moderation_case"),
        sa.ForeignKeyConstraint(
            ["sample_item_id"], ["sample_item.id"], name="fk_journal_entry_sample_item_id_sample_item"
        ),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="fk_journal_entry_document_id_document"),
        sa.PrimaryKeyConstraint("id", name="pk_journal_entry"),
        sa.UniqueConstraint("person_id", "entry_id", "revision", "tab", name="uq_journal_entry_person_id"),
    )
    op.create_index("ix_journal_entry_case_id_person_id", "journal_entry", ["case_id", "person_id"])
    op.create_index("ix_journal_entry_document_id", "journal_entry", ["document_id"])


def downgrade() -> None:
    op.drop_table("journal_entry")
