"""Receipts of more than samples, with what they commit to; and mail that waits to be sent.

Revision: 0021; follows: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_message",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("to_address", sa.String(320), nullable=False),
        sa.Column("centre_number", sa.String(5)),
        sa.Column("letter", sa.String(40), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("receipt_ids", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("available_at", Instant(), nullable=False),
        sa.Column("claimed_until", Instant()),
        sa.Column("message_id", sa.String(255)),
        sa.Column("finished_at", Instant()),
        sa.Column("last_reply", sa.Text()),
        sa.UniqueConstraint("key", name="uq_mail_message_key"),
    )
    op.create_index("ix_mail_message_state_available_at", "mail_message", ["state", "available_at"])
    op.create_index("ix_mail_message_to_address_created_at", "mail_message", ["to_address", "created_at"])
    op.create_index("ix_mail_message_centre_number_letter", "mail_message", ["centre_number", "letter"])
    with op.batch_alter_table("receipt") as batch:
        batch.alter_column("case_id", existing_type=sa.String(36), nullable=True)
        batch.add_column(sa.Column("centre_number", sa.String(5)))
        batch.add_column(
            sa.Column("sitting_id", sa.String(36), sa.ForeignKey("sitting.id", name="fk_receipt_sitting_id_sitting"))
        )
        batch.add_column(sa.Column("enclosure", sa.LargeBinary()))
        batch.create_index("ix_receipt_centre_number", ["centre_number"])
        batch.create_index("ix_receipt_sitting_id", ["sitting_id"])
    op.execute(
        "UPDATE receipt SET centre_number = "
        "(SELECT c.centre_number FROM moderation_case c WHERE c.id = receipt.case_id)"
    )
    with op.batch_alter_table("receipt") as batch:
        batch.alter_column("centre_number", existing_type=sa.String(5), nullable=False)
        batch.create_check_constraint("ck_receipt_one_subject", "(case_id IS NULL) <> (sitting_id IS NULL)")
    op.create_table(
        "receipt_proof",
        sa.Column(
            "receipt_id",
            sa.String(36),
            sa.ForeignKey("receipt.id", name="fk_receipt_proof_receipt_id_receipt"),
            primary_key=True,
        ),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("proof", sa.Text()),
        sa.Column("log_key", sa.Text()),
        sa.Column("proved_at", Instant()),
    )
    op.create_index("ix_receipt_proof_proved_at", "receipt_proof", ["proved_at"])


def downgrade() -> None:
    op.drop_table("receipt_proof")
    op.execute("DELETE FROM receipt WHERE case_id IS NULL")
    with op.batch_alter_table("receipt") as batch:
        batch.drop_constraint("ck_receipt_one_subject", type_="check")
        batch.drop_index("ix_receipt_sitting_id")
        batch.drop_index("ix_receipt_centre_number")
        batch.drop_constraint("fk_receipt_sitting_id_sitting", type_="foreignkey")
        batch.drop_column("enclosure")
        batch.drop_column("sitting_id")
        batch.drop_column("centre_number")
        batch.alter_column("case_id", existing_type=sa.String(36), nullable=False)
    op.drop_table("mail_message")
