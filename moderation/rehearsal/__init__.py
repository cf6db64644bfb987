"""An invented exam series to rehearse with: files like those of awarding bodies and centres, without a real person."""

from moderation.rehearsal.cohorts import Profile
from moderation.rehearsal.making import Rehearsal, RehearsedCase, make
from moderation.rehearsal.synthetic import synthetic_basedata

__all__ = ["Profile", "Rehearsal", "RehearsedCase", "make", "synthetic_basedata"]
