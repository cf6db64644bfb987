"""Local accounts: passwords, second factors, limits, set-up.

Revision: 0016; follows: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def _account(table: str, *, primary_key: bool = False, index: bool | None = None) -> sa.Column[str]:
    key = sa.ForeignKey("account.id", name=f"fk_{table}_account_id_account")
    return sa.Column("account_id", sa.String(36), key, nullable=False, primary_key=primary_key, index=index)


def upgrade() -> None:
    op.create_table(
        "local_password",
        _account("local_password", primary_key=True),
        sa.Column("phc", sa.Text(), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
    )
    op.create_table(
        "one_time_code",
        _account("one_time_code", primary_key=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_at", Instant(), nullable=False),
        sa.Column("last_used_step", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.String(36), primary_key=True),
        _account("recovery_code"),
        sa.Column("code_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("used_at", Instant()),
        sa.UniqueConstraint("account_id", "code_sha256", name="uq_recovery_code_account_id"),
    )
    op.create_table(
        "known_device",
        sa.Column("token_sha256", sa.LargeBinary(32), primary_key=True),
        _account("known_device", primary_key=True, index=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=False),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
    )
    op.create_table(
        "set_up_link",
        sa.Column("token_sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant()),
    )
    with op.batch_alter_table("web_session") as batch:
        batch.add_column(sa.Column("device", sa.String(60)))


def downgrade() -> None:
    with op.batch_alter_table("web_session") as batch:
        batch.drop_column("device")
    for table in (
        "set_up_link",
        "sign_in_failures",
        "known_device",
        "recovery_code",
        "one_time_code",
        "local_password",
    ):
        op.drop_table(table)
