"""The desk of moderators: what is drawn and typed, each stroke.

Revision: 0025; follows: 0024
"""

from __future__ import annotations

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
