"""Identity providers: messages taken once, sign-ins there, and people who wait for a role.

Revision: 0017; follows: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sign_in_attempt") as batch:
        batch.add_column(sa.Column("proved_at", Instant()))
    op.create_table(
        "provider_message",
        sa.Column("message_sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("taken_at", Instant(), nullable=False, index=True),
    )
    op.create_table(
        "provider_session",
        sa.Column("sid_sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column(
            "account_id",
            sa.String(36),
            sa.ForeignKey("account.id", name="fk_provider_session_account_id_account"),
            primary_key=True,
        ),
        sa.Column("seen_at", Instant(), nullable=False, index=True),
    )
    op.create_table(
        "identity_request",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "account_id",
            sa.String(36),
            sa.ForeignKey("account.id", name="fk_identity_request_account_id_account"),
            nullable=False,
            index=True,
        ),
        sa.Column("centre_number", sa.String(5), index=True),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("decision", sa.String(16)),
        sa.Column("decided_at", Instant()),
        sa.Column("decided_by", sa.String(64)),
        sa.Column(
            "assignment_id",
            sa.String(36),
            sa.ForeignKey("assignment.id", name="fk_identity_request_assignment_id_assignment"),
        ),
        sa.CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL)",
            name=op.f("ck_identity_request_decided"),
        ),
        sa.CheckConstraint(
            "decision IS NULL OR decision IN ('granted', 'refused')", name=op.f("ck_identity_request_decision")
        ),
        sa.CheckConstraint(
            "(assignment_id IS NOT NULL) = (decision IS NOT NULL AND decision = 'granted')",
            name=op.f("ck_identity_request_granted"),
        ),
    )


def downgrade() -> None:
    for table in ("identity_request", "provider_session", "provider_message"):
        op.drop_table(table)
    with op.batch_alter_table("sign_in_attempt") as batch:
        batch.drop_column("proved_at")
