"""Explained outcomes: reports of moderators and what a centre is shown.

Revision: 0011; follows: 0010
"""

from __future__ import annotations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
