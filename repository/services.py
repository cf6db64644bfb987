"""What the composition root composed, handed to whoever serves a request or does background work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from repository.antivirus import Antivirus, NoAntivirus
from repository.database import Database
from repository.inspection import Inspection
from repository.receipts import Signer
from repository.settings import Settings
from repository.sign_in.hashing import Hasher
from repository.sign_in.providers import Issuer
from repository.sign_in.sealing import SecretsBox
from repository.work import Bell
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one running service. ``clock`` gives aware UTC; ``new_token`` gives 256 random bits as text."""

    settings: Settings
    database: Database
    vault: Vault
    inspection: Inspection
    signer: Signer
    bell: Bell
    clock: Callable[[], datetime]
    new_token: Callable[[], str]
    secrets_box: SecretsBox
    issuers: tuple[Issuer, ...] = field(default=(), kw_only=True)
    """The identity providers that people may sign in with."""
    hasher: Hasher
    antivirus: Antivirus = field(default=NoAntivirus(), kw_only=True)
    """The virus scanner, if one is configured."""
