"""Sending work: the order and versions of files, what replaces what, declarations, and what was looked at before sending.

Revision: 0028; follows: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("evidence") as batch:
        batch.add_column(sa.Column("position", sa.Integer()))
        batch.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch.add_column(sa.Column("replaces_document_id", sa.String(36)))
        batch.create_foreign_key(
            "fk_evidence_replaces_document_id_document", "document", ["replaces_document_id"], ["id"]
        )
        batch.create_index("ix_evidence_replaces_document_id", ["replaces_document_id"])
    with op.batch_alter_table("upload") as batch:
        batch.add_column(sa.Column("replaces_document_id", sa.String(36)))
        batch.create_foreign_key(
            "fk_upload_replaces_document_id_document", "document", ["replaces_document_id"], ["id"]
        )
    op.create_table(
        "declaration_rule",
        sa.Column("awarding_body", sa.String(2), primary_key=True),
        sa.Column("component_code", sa.String(12), primary_key=True),
        sa.Column("statement", sa.String(1000), nullable=False),
        sa.Column("each_candidate", sa.Boolean(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.Column("set_by", sa.String(64), nullable=False),
    )
    op.create_table(
        "candidate_declaration",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "sample_item_id",
            sa.String(36),
            sa.ForeignKey("sample_item.id", name="fk_candidate_declaration_sample_item_id_sample_item"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("statement", sa.String(1000), nullable=False),
        sa.Column("declared_by", sa.String(64), nullable=False),
        sa.Column("declared_as", sa.String(32), nullable=False),
        sa.Column("declared_at", Instant(), nullable=False),
        sa.Column("taken_back_by", sa.String(64)),
        sa.Column("taken_back_at", Instant()),
        sa.UniqueConstraint("sample_item_id", "number", name="uq_candidate_declaration_sample_item_id_number"),
    )
    op.create_table(
        "work_look",
        sa.Column(
            "sample_item_id",
            sa.String(36),
            sa.ForeignKey("sample_item.id", name="fk_work_look_sample_item_id_sample_item"),
            primary_key=True,
        ),
        sa.Column(
            "person_id",
            sa.String(36),
            sa.ForeignKey("person.id", name="fk_work_look_person_id_person"),
            primary_key=True,
        ),
        sa.Column("looked_at", Instant(), nullable=False),
    )


def downgrade() -> None:
    for table in ("work_look", "candidate_declaration", "declaration_rule"):
        op.drop_table(table)
    with op.batch_alter_table("upload") as batch:
        batch.drop_constraint("fk_upload_replaces_document_id_document", type_="foreignkey")
        batch.drop_column("replaces_document_id")
    with op.batch_alter_table("evidence") as batch:
        batch.drop_index("ix_evidence_replaces_document_id")
        batch.drop_constraint("fk_evidence_replaces_document_id_document", type_="foreignkey")
        batch.drop_column("replaces_document_id")
        batch.drop_column("version")
        batch.drop_column("position")
