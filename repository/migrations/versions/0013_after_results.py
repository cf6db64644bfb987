"""After results: reviews, re-checks, access to scripts, appeals, retention.

Revision: 0013; follows: 0012
"""

from __future__ import annotations

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
