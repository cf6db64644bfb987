"""The rules of an awarding body as data: limits, checks, clocks and what a centre is shown. Nothing here is a constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache
from types import MappingProxyType
from typing import Any

from moderation.adjustment import OrderLimits
from moderation.errors import PolicyInvalid
from moderation.tracking import PARCEL_WORKING_DAYS

DEFAULT_POLICY_ID = "project-default"


class TeamLeaderCheck(StrEnum):
    """Which proposed outcomes a team leader checks before an officer may confirm them."""

    NEVER = "never"
    ADJUSTED = "adjusted"
    ALWAYS = "always"


class Disclosure(StrEnum):
    """How much of an outcome its centre is shown once results are out; each level holds the one before."""

    OUTCOME = "outcome"
    """What was found, at which stage, and the moderator's report."""
    ARITHMETIC = "arithmetic"
    """And the arithmetic that made each of its own marks."""
    DIFFERENCES = "differences"
    """And the differences of the works read, as a plot and a table."""


@dataclass(frozen=True, slots=True)
class ModerationPolicy:
    """What an awarding body decides about moderation beyond the size of samples.

    Takes: ``reminder_working_days``, days before a sample is due on which the centre is reminded, negative ones after;
    ``parcel_working_days``, after which a posted parcel that was not opened is overdue.
    Source: each policy's own ``source``; ``verified`` says whether that source was seen.
    """

    policy_id: str
    version: int
    title: str
    limits: OrderLimits
    team_leader_check: TeamLeaderCheck
    disclosure: Disclosure
    sample_working_days: int
    reminder_working_days: tuple[int, ...]
    source: str
    verified: bool
    parcel_working_days: int = PARCEL_WORKING_DAYS

    def __post_init__(self) -> None:
        share, correlation = self.limits.discordant_share, self.limits.correlation
        if not 0 <= share <= 1 or not 0 <= correlation <= 1:
            raise PolicyInvalid(f"Policy {self.policy_id}: a limit lies outside 0 to 1.")
        if self.version < 1 or not 1 <= self.sample_working_days <= 60:
            raise PolicyInvalid(f"Policy {self.policy_id}: the version or the days for a sample are wrong.")
        if type(self.parcel_working_days) is not int or not 1 <= self.parcel_working_days <= 60:
            raise PolicyInvalid(f"Policy {self.policy_id}: parcel_working_days must be 1 to 60.")


def policy_from(row: Mapping[str, Any]) -> ModerationPolicy:
    """Return the policy that a row of a rules file describes; raises ``PolicyInvalid`` naming what is wrong."""
    name = row.get("policy_id", "")
    try:
        if any(not isinstance(row[field], str | int) for field in ("discordant_share", "correlation")):
            raise PolicyInvalid(f"Policy {name}: write a limit as a text such as 1/20, so that it is exact.")
        if any(not isinstance(day, int) for day in row["reminder_working_days"]):
            raise PolicyInvalid(f"Policy {name}: reminders are whole numbers of working days.")
        limits = OrderLimits(Fraction(row["discordant_share"]), Fraction(row["correlation"]))
        rest = {field: value for field, value in row.items() if field not in {"discordant_share", "correlation"}}
        return ModerationPolicy(
            **{
                **rest,
                "limits": limits,
                "team_leader_check": TeamLeaderCheck(row["team_leader_check"]),
                "disclosure": Disclosure(row["disclosure"]),
                "reminder_working_days": tuple(row["reminder_working_days"]),
            }
        )
    except KeyError as error:
        raise PolicyInvalid(f"Policy {name}: {error.args[0]!r} is missing.") from None
    except (ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
        raise PolicyInvalid(f"Policy {name} cannot be read: {error}") from None


@cache
def packaged_policies() -> Mapping[str, ModerationPolicy]:
    """Return the newest version of each policy that ships with the package, by identifier."""
    from moderation.rule_files import packaged_rules  # it reads policies by this module

    return MappingProxyType({one.policy_id: one for one in sorted(packaged_rules().policies, key=lambda p: p.version)})
