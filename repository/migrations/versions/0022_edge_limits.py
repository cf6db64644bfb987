"""Limits at the edge: need no table; what a service counts of its connections lives and ends with it.

Revision: 0022; follows: 0021
"""

from __future__ import annotations

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
