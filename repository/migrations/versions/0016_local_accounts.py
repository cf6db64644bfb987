"""Local accounts: passwords, second factors, limits, set-up.

Revision: 0016; follows: 0015
"""

from __future__ import annotations

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
