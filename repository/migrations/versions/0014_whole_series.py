"""Whole series at once: needs no column and no index of its own; what the tables had was measured to be enough.

Revision: 0014; follows: 0013
"""

from __future__ import annotations

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
