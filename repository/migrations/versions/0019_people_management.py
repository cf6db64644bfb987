"""Invitations, teaching, contacts, roles that two people give.

Teachers who were here before teach the whole of their centre, as they did.

Revision: 0019; follows: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("notification_contact", "role_proposal", "sign_in_reset", "invitation", "teaching")


def upgrade() -> None:
    op.create_table(
        "teaching",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "assignment_id",
            sa.String(36),
            sa.ForeignKey("assignment.id", name="fk_teaching_assignment_id_assignment"),
            nullable=False,
            index=True,
        ),
        sa.Column("series_key", sa.String(12)),
        sa.Column("component_code", sa.String(12)),
        sa.Column("teaching_set", sa.String(20)),
    )
    op.execute("INSERT INTO teaching (id, assignment_id) SELECT id, id FROM assignment WHERE role = 'teacher'")
    op.create_table(
        "invitation",
        *_paired("invitation"),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("centre_number", sa.String(5), index=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("confirmed_by", sa.String(64)),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("account.id", name="fk_invitation_account_id_account")),
    )
    op.create_table(
        "sign_in_reset",
        *_paired("sign_in_reset"),
        sa.Column(
            "account_id",
            sa.String(36),
            sa.ForeignKey("account.id", name="fk_sign_in_reset_account_id_account"),
            nullable=False,
            index=True,
        ),
        sa.Column("needs_recovery_code", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "role_proposal",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("person_id", sa.String(36), sa.ForeignKey("person.id", name="fk_role_proposal_person_id_person")),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("proposed_by", sa.String(64), nullable=False),
        sa.Column("proposed_at", Instant(), nullable=False),
        sa.Column("confirmed_by", sa.String(64)),
        sa.Column("confirmed_at", Instant()),
        sa.Column("withdrawn_by", sa.String(64)),
        sa.Column("withdrawn_at", Instant()),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by <> proposed_by", name=op.f("ck_role_proposal_two_people")
        ),
        sa.CheckConstraint("(person_id IS NULL) = (email <> '')", name=op.f("ck_role_proposal_one_subject")),
        sa.CheckConstraint("confirmed_by IS NULL OR withdrawn_by IS NULL", name=op.f("ck_role_proposal_one_end")),
    )
    op.create_table(
        "notification_contact",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("centre_number", sa.String(5), nullable=False, index=True),
        sa.Column("office", sa.String(100), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("code_mac", sa.LargeBinary(32), nullable=False),
        sa.Column("failed_codes", sa.Integer(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("verified_at", Instant()),
    )
    # Whoever gives and ends roles is named by no checked reference, as elsewhere; guards hold them against each other.
    for name in ("granted_by", "confirmed_by", "ended_by"):
        op.add_column("assignment", sa.Column(name, sa.String(64)))


def downgrade() -> None:
    for name in ("ended_by", "confirmed_by", "granted_by"):
        op.drop_column("assignment", name)
    for table in TABLES:
        op.drop_table(table)


def _paired(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("token_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("code_mac", sa.LargeBinary(32), nullable=False),
        sa.Column("failed_codes", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("claim_sha256", sa.LargeBinary(32)),
        sa.Column("claim_expires_at", Instant()),
        sa.Column("used_at", Instant()),
        sa.Column("revoked_at", Instant()),
        sa.Column("revoked_by", sa.String(64)),
        sa.UniqueConstraint("token_sha256", name=f"uq_{table}_token_sha256"),
        sa.UniqueConstraint("claim_sha256", name=f"uq_{table}_claim_sha256"),
    )
