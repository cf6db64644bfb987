"""Accounts, sign-ins under way, and what a session was opened with.

Revision: 0015; follows: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "person_id",
            sa.String(36),
            sa.ForeignKey("person.id", name="fk_account_person_id_person"),
            nullable=False,
            index=True,
        ),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("disabled_at", Instant()),
        sa.UniqueConstraint("issuer", "subject", name="uq_account_issuer"),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("token_sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column(
            "account_id",
            sa.String(36),
            sa.ForeignKey("account.id", name="fk_sign_in_attempt_account_id_account"),
            nullable=False,
            index=True,
        ),
        sa.Column("methods", sa.JSON(), nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant()),
    )
    with op.batch_alter_table("web_session") as batch:
        batch.add_column(
            sa.Column(
                "account_id", sa.String(36), sa.ForeignKey("account.id", name="fk_web_session_account_id_account")
            )
        )
        batch.add_column(sa.Column("methods", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("proved_at", Instant()))
        batch.create_index("ix_web_session_account_id", ["account_id"])
    with op.batch_alter_table("web_session") as batch:
        batch.alter_column("methods", existing_type=sa.JSON(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("web_session") as batch:
        batch.drop_index("ix_web_session_account_id")
        for column in ("proved_at", "methods", "account_id"):
            batch.drop_column(column)
    op.drop_table("sign_in_attempt")
    op.drop_table("account")
