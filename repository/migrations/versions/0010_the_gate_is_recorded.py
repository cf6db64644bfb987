"""The gate is recorded; releases are withdrawn and issued again.

Revision: 0010; follows: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# SQLite makes a table anew for such changes, and only the constraints named here come with it.
TWO_PEOPLE = (sa.CheckConstraint("released_by_first <> released_by_second", name="ck_result_version_two_people"),)


def upgrade() -> None:
    op.create_table(
        "gate_run",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ran_by", sa.String(length=64), nullable=False),
        sa.Column("is_clear", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("results_total", sa.Integer(), nullable=False),
        sa.Column("blocks", sa.JSON(), nullable=False),
        sa.Column("reconciliations", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_gate_run_series_key_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_run")),
        sa.UniqueConstraint("series_key", "number", name=op.f("uq_gate_run_series_key_number")),
    )
    op.create_table(
        "gate_held",
        sa.Column("gate_run_id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["gate_run_id"], ["gate_run.id"], name=op.f("fk_gate_held_gate_run_id_gate_run")),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name=op.f("fk_gate_held_case_id_moderation_case")),
        sa.PrimaryKeyConstraint("gate_run_id", "case_id", name=op.f("pk_gate_held")),
    )
    # What was released before keeps its proof: its report becomes a run of the gate.
    op.execute(
        "INSERT INTO gate_run (id, series_key, number, ran_at, ran_by, is_clear, digest, results_total, blocks, "
        "reconciliations) SELECT v.id, v.series_key, v.number, v.created_at, v.released_by_second, "
        "TRUE, v.digest, "
        "(SELECT count(*) FROM option_result r WHERE r.version_id = v.id), '[]', '[]' FROM result_version v"
    )
    with op.batch_alter_table("result_version", table_args=TWO_PEOPLE) as batch:
        batch.add_column(sa.Column("gate_run_id", sa.String(length=36), nullable=True))
        batch.add_column(sa.Column("reason_code", sa.String(length=30), nullable=True))
        batch.add_column(sa.Column("reason", sa.String(length=500), nullable=True))
        batch.drop_column("gate")
    op.execute(
        "UPDATE result_version SET gate_run_id = id, reason = '', "
        "reason_code = CASE WHEN number = 1 THEN 'FIRST_ISSUE' ELSE 'CORRECTION' END"
    )
    with op.batch_alter_table("result_version", table_args=TWO_PEOPLE) as batch:
        batch.alter_column("gate_run_id", existing_type=sa.String(length=36), nullable=False)
        batch.alter_column("reason_code", existing_type=sa.String(length=30), nullable=False)
        batch.alter_column("reason", existing_type=sa.String(length=500), nullable=False)
        batch.create_foreign_key(batch.f("fk_result_version_gate_run_id_gate_run"), "gate_run", ["gate_run_id"], ["id"])
    with op.batch_alter_table("option_result") as batch:
        batch.add_column(sa.Column("is_protected", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "result_withdrawal",
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("withdrawn_by_first", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_by_second", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("withdrawn_by_first <> withdrawn_by_second", name=op.f("ck_result_withdrawal_two_people")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["result_version.id"], name=op.f("fk_result_withdrawal_version_id_result_version")
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_result_withdrawal")),
    )
    with op.batch_alter_table("release_proposal") as batch:
        batch.add_column(sa.Column("reason_code", sa.String(length=30), nullable=False, server_default=""))
        batch.add_column(sa.Column("reason", sa.String(length=500), nullable=False, server_default=""))
    op.create_table(
        "withdrawal_proposal",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("series_key", sa.String(length=12), nullable=False),
        sa.Column("proposed_by", sa.String(length=36), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_withdrawal_proposal_proposed_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_proposal")),
    )
    op.create_index(op.f("ix_withdrawal_proposal_series_key"), "withdrawal_proposal", ["series_key"])


def downgrade() -> None:
    op.drop_table("withdrawal_proposal")
    with op.batch_alter_table("release_proposal") as batch:
        batch.drop_column("reason")
        batch.drop_column("reason_code")
    op.drop_table("result_withdrawal")
    with op.batch_alter_table("option_result") as batch:
        batch.drop_column("is_protected")
    with op.batch_alter_table("result_version", table_args=TWO_PEOPLE) as batch:
        batch.drop_constraint(batch.f("fk_result_version_gate_run_id_gate_run"), type_="foreignkey")
        batch.add_column(sa.Column("gate", sa.JSON(), nullable=False, server_default="{}"))
        batch.drop_column("gate_run_id")
        batch.drop_column("reason_code")
        batch.drop_column("reason")
    op.drop_table("gate_held")
    op.drop_table("gate_run")
