"""Uploads keep their metadata as it was sent; unfinished ones are found by when they expire.

Revision: 0002; follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sent_metadata", sa.Text(), nullable=True))
        batch_op.create_index("ix_upload_state_expires_at", ["state", "expires_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.drop_index("ix_upload_state_expires_at")
        batch_op.drop_column("sent_metadata")
