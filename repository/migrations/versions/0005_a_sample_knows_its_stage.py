"""A sample knows how much of it is to be read, and an outcome what led to it.

Revision: 0005; follows: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sample") as batch:
        batch.add_column(sa.Column("stage", sa.String(20), nullable=False, server_default="SUB_SAMPLE"))
    with op.batch_alter_table("outcome") as batch:
        batch.add_column(sa.Column("origin", sa.String(20), nullable=False, server_default="MODERATION"))
    op.execute(
        "UPDATE sample SET stage = 'FULL_SAMPLE' WHERE id IN "
        "(SELECT sample_id FROM moderation_case WHERE state = 'FULL_SAMPLE' AND sample_id IS NOT NULL)"
    )


def downgrade() -> None:
    with op.batch_alter_table("outcome") as batch:
        batch.drop_column("origin")
    with op.batch_alter_table("sample") as batch:
        batch.drop_column("stage")
