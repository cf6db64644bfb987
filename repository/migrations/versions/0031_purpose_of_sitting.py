"""What a sitting packs: scripts, or a postal sample.

Revision: 0031; follows: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sitting") as sitting:
        sitting.add_column(sa.Column("purpose", sa.String(10), nullable=False, server_default="scripts"))


def downgrade() -> None:
    with op.batch_alter_table("sitting") as sitting:
        sitting.drop_column("purpose")
