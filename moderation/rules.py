"""The rules of an awarding body as data: limits, checks, clocks and what a centre is shown. Nothing here is a constant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from moderation.adjustment import OrderLimits
from moderation.errors import PolicyInvalid

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

    Takes: ``reminder_working_days``, days before a sample is due on which the centre is reminded, negative ones after.
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

    def __post_init__(self) -> None:
        share, correlation = self.limits.discordant_share, self.limits.correlation
        if not 0 <= share <= 1 or not 0 <= correlation <= 1:
            raise PolicyInvalid(f"Policy {self.policy_id}: a limit lies outside 0 to 1.")
        if self.version < 1 or not 1 <= self.sample_working_days <= 60:
            raise PolicyInvalid(f"Policy {self.policy_id}: the version or the days for a sample are wrong.")


def load_policies(text: str) -> Mapping[str, ModerationPolicy]:
    """Return the policies written in a JSON text by identifier; raises ``PolicyInvalid`` naming what is wrong."""
    try:
        rows: list[dict[str, Any]] = json.loads(text)["policies"]
        policies = [_policy(row) for row in rows]
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise PolicyInvalid(f"The moderation policies cannot be read: {error}") from error
    by_id = {policy.policy_id: policy for policy in policies}
    if len(by_id) != len(policies):
        raise PolicyInvalid("Two moderation policies have the same identifier.")
    return MappingProxyType(by_id)


@cache
def packaged_policies() -> Mapping[str, ModerationPolicy]:
    """Return the policies that ship with the package."""
    return load_policies(resources.files("moderation.data").joinpath("moderation_policies.json").read_text("utf-8"))


def _policy(row: Mapping[str, Any]) -> ModerationPolicy:
    limits = OrderLimits(Fraction(row["discordant_share"]), Fraction(row["correlation"]))
    rest = {name: value for name, value in row.items() if name not in {"discordant_share", "correlation"}}
    return ModerationPolicy(
        **{
            **rest,
            "limits": limits,
            "team_leader_check": TeamLeaderCheck(row["team_leader_check"]),
            "disclosure": Disclosure(row["disclosure"]),
            "reminder_working_days": tuple(row["reminder_working_days"]),
        }
    )
