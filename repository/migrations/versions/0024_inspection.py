"""Inspection: derivatives, scans, holds with a remedy.

Revision: 0024; follows: 0023
"""

from __future__ import annotations

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
