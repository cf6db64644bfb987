"""Passkeys, and tokens of school systems.

Revision: 0018; follows: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _reference(table: str, column: str, to: str, *, nullable: bool = False, index: bool = False) -> sa.Column[str]:
    target = sa.ForeignKey(f"{to}.id", name=f"fk_{table}_{column}_{to}")
    return sa.Column(column, sa.String(36), target, nullable=nullable, index=index)


def upgrade() -> None:
    op.create_table(
        "passkey",
        sa.Column("id", sa.String(36), primary_key=True),
        _reference("passkey", "account_id", "account", index=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(1023), nullable=False),
        sa.Column("credential_data", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("is_synced", sa.Boolean(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant()),
        sa.Column("removed_at", Instant()),
        sa.UniqueConstraint("credential_id", name="uq_passkey_credential_id"),
    )
    op.create_table(
        "passkey_challenge",
        sa.Column("token_sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("challenge", sa.LargeBinary(32), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        _reference("passkey_challenge", "account_id", "account", nullable=True, index=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False, index=True),
    )
    op.create_table(
        "integration",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("centre_number", sa.String(5), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        _reference("integration", "person_id", "person"),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.UniqueConstraint("centre_number", "name", name="uq_integration_centre_number"),
        sa.UniqueConstraint("person_id", name="uq_integration_person_id"),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.String(12), primary_key=True),
        _reference("api_token", "integration_id", "integration", index=True),
        _reference("api_token", "assignment_id", "assignment"),
        sa.Column("token_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("network", sa.String(43)),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant()),
        sa.Column("last_refused_at", Instant()),
        sa.Column("revoked_at", Instant()),
        sa.Column("revoked_by", sa.String(64)),
        sa.UniqueConstraint("assignment_id", name="uq_api_token_assignment_id"),
    )


def downgrade() -> None:
    for table in ("api_token", "integration", "passkey_challenge", "passkey"):
        op.drop_table(table)
