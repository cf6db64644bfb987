"""What was read on each scanned page, and where the proposal for a waiting page came from.

Pages from before say nothing of it: their codes are read again when somebody looks at the image.

Revision: 0040; follows: 0038
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scan_page", sa.Column("codes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("scan_page", sa.Column("proposed_by", sa.String(20), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("scan_page") as batch:
        batch.drop_column("proposed_by")
        batch.drop_column("codes")
