"""Which sample profile and which policy govern a component of a series."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.rules import DEFAULT_POLICY_ID, ModerationPolicy, packaged_policies
from moderation.sampling import SampleProfile, profile_of
from moderation.tables import Component


def profile_for(session: Session, component: Component) -> SampleProfile:
    """Return the sample profile of a component; raises ``UnknownProfile``."""
    return profile_of(component.sample_profile_id)


def policy_for(session: Session, component: Component) -> ModerationPolicy:
    """Return the moderation policy of a component."""
    return packaged_policies()[DEFAULT_POLICY_ID]
