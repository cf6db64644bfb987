"""Scan bundles on their way in, what people decide about pages, versions of scripts, and the look of a second person.

Revision: 0035; follows: 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def _of_bundle() -> list[sa.Column[object]]:
    return [
        sa.Column("filename", sa.String(255), nullable=False, server_default=""),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("source", sa.String(10), nullable=False, server_default="upload"),
        sa.Column("batch", sa.String(64), nullable=False, server_default=""),
        sa.Column("station", sa.String(64), nullable=False, server_default=""),
        sa.Column("label", sa.String(80), nullable=False, server_default=""),
        sa.Column("sheets_checked", sa.Integer()),
        sa.Column("booklets", sa.Integer()),
        sa.Column("booklet_pages", sa.Integer()),
        sa.Column("duplex", sa.String(20), nullable=False, server_default="merged"),
        sa.Column("reason", sa.String(40), nullable=False, server_default=""),
        sa.Column("changed_at", Instant()),
    ]


def _of_page() -> list[sa.Column[object]]:
    return [
        sa.Column("position", sa.Integer()),
        sa.Column("rotation", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("notes", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("awaiting", sa.String(16), nullable=False, server_default=""),
        sa.Column("proposal_id", sa.String(36)),
        sa.Column("claimed_by", sa.String(100)),
        sa.Column("claimed_until", Instant()),
    ]


def upgrade() -> None:
    with op.batch_alter_table("scan_bundle") as batch:
        batch.alter_column("sitting_id", existing_type=sa.String(36), nullable=True)
    for column in _of_bundle():
        op.add_column("scan_bundle", column)
    for column in _of_page():
        op.add_column("scan_page", column)
    op.execute("UPDATE scan_bundle SET state = 'pushed' WHERE state = 'split'")
    # Pages that were indexed before lie in their script in the order of the bundle.
    op.execute(
        "UPDATE scan_page SET position = (SELECT count(*) FROM scan_page earlier WHERE earlier.script_id = "
        "scan_page.script_id AND (earlier.bundle_id < scan_page.bundle_id OR (earlier.bundle_id = scan_page.bundle_id "
        "AND earlier.page_index <= scan_page.page_index))) WHERE script_id IS NOT NULL"
    )
    op.create_table(
        "page_decision",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "bundle_id",
            sa.String(36),
            sa.ForeignKey("scan_bundle.id", name="fk_page_decision_bundle_id_scan_bundle"),
            nullable=False,
        ),
        sa.Column("page_indices", sa.JSON(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(12), nullable=False),
        sa.Column("answers_id", sa.String(36)),
        sa.Column("undoes_id", sa.String(36)),
        sa.Column("candidate_number", sa.String(4)),
        sa.Column("script_id", sa.String(36), sa.ForeignKey("script.id", name="fk_page_decision_script_id_script")),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("decided_by", sa.String(100), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
    )
    for name in ("bundle_id", "script_id", "decided_at"):
        op.create_index(f"ix_page_decision_{name}", "page_decision", [name])
    op.create_table(
        "quality_check",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "script_id",
            sa.String(36),
            sa.ForeignKey("script.id", name="fk_quality_check_script_id_script"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("chosen_for", sa.String(24), nullable=False),
        sa.Column("chosen_at", Instant(), nullable=False),
        sa.Column("claimed_by", sa.String(100)),
        sa.Column("claimed_until", Instant()),
        sa.Column("outcome", sa.String(10), nullable=False, server_default=""),
        sa.Column("reason", sa.String(40), nullable=False, server_default=""),
        sa.Column("checked_by", sa.String(100)),
        sa.Column("checked_at", Instant()),
        sa.UniqueConstraint("script_id", "version", name="uq_quality_check_script_id"),
    )
    for name in ("script_id", "outcome"):
        op.create_index(f"ix_quality_check_{name}", "quality_check", [name])
    op.create_table(
        "script_version",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "script_id",
            sa.String(36),
            sa.ForeignKey("script.id", name="fk_script_version_script_id_script"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "document_id",
            sa.String(36),
            sa.ForeignKey("document.id", name="fk_script_version_document_id_document"),
            nullable=False,
        ),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("superseded_at", Instant()),
        sa.UniqueConstraint("script_id", "number", name="uq_script_version_script_id"),
        sa.UniqueConstraint("document_id", name="uq_script_version_document_id"),
    )
    op.create_index("ix_script_version_script_id", "script_version", ["script_id"])


def downgrade() -> None:
    for table in ("script_version", "quality_check", "page_decision"):
        op.drop_table(table)
    # What was not pushed never counted; its bytes are the collector's.
    op.execute("DELETE FROM bundle_document WHERE bundle_id IN (SELECT id FROM scan_bundle WHERE state <> 'pushed')")
    op.execute("DELETE FROM scan_bundle WHERE state <> 'pushed'")
    op.execute("UPDATE scan_bundle SET state = 'split'")
    with op.batch_alter_table("scan_page") as batch:
        for column in _of_page():
            batch.drop_column(column.name)
    with op.batch_alter_table("scan_bundle") as batch:
        for column in _of_bundle():
            batch.drop_column(column.name)
        batch.alter_column("sitting_id", existing_type=sa.String(36), nullable=False)
