"""Marking and its checks: amendments, criteria, team leaders, holds.

Revision: 0008; follows: 0007
"""

from __future__ import annotations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
