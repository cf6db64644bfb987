"""Practice, approval, seeds, and reading blind.

Revision: 0027; follows: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("component") as batch:
        batch.add_column(sa.Column("read_blind", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("component") as batch:
        batch.drop_column("read_blind")
