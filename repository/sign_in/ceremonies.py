"""What passkeys are asked and what they answer: the one module that speaks WebAuthn, by Yubico's library (extra ``webauthn``).

The library holds an answer against the challenge, our address, our name and the key; what it leaves to us is here as
well: that the person was verified, which algorithms are taken, that no other site asked through ours, and the counter.
Source: https://www.w3.org/TR/webauthn-3/#sctn-rp-operations
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from repository.sign_in.relying_party import RelyingParty, relying_party

if TYPE_CHECKING:
    from fido2.server import Fido2Server
    from fido2.webauthn import AuthenticatorData, CollectedClientData

T = TypeVar("T")
SERVICE_NAME = "NEA Repository"
TIMEOUT_SECONDS = 300
ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA, RS256: what authenticators of today make."""
TRANSPORTS = frozenset({"ble", "hybrid", "internal", "nfc", "smart-card", "usb"})
ANSWER_LIMIT_BYTES = 64 * 1024
_TEXTS = ("id", "rawId", "type", "authenticatorAttachment")
_TEXTS_OF_RESPONSE = ("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle")


class Refusal(StrEnum):
    """Why an answer of a passkey is not taken."""

    UNREADABLE = "unreadable"
    TOO_LATE = "too_late"
    WRONG_CHALLENGE = "wrong_challenge"
    WRONG_ADDRESS = "wrong_address"
    WRONG_SITE = "wrong_site"
    NOT_VERIFIED = "not_verified"
    WRONG_ALGORITHM = "wrong_algorithm"
    WRONG_SIGNATURE = "wrong_signature"
    UNKNOWN = "unknown"
    OTHER_ACCOUNT = "other_account"
    DISABLED = "disabled"
    COUNTER = "counter"
    KNOWN_ALREADY = "known_already"


REFUSAL_WORDS: Mapping[Refusal, str] = {
    Refusal.UNREADABLE: "Your browser sent something that is no answer of a passkey. Try again, or use another browser.",
    Refusal.TOO_LATE: "That took too long, or was used already. Try again: each question to a passkey counts once.",
    Refusal.WRONG_CHALLENGE: "The passkey answered another question than the one asked. Try again from this page.",
    Refusal.WRONG_ADDRESS: "The passkey was used at another address than that of this service. "
    "Check the address in your browser: somebody may have led you to a copy of this page.",
    Refusal.WRONG_SITE: "The passkey belongs to another site. Choose the one that you made for this service.",
    Refusal.NOT_VERIFIED: "The passkey did not check that it is you. Use one that asks for your PIN, finger or face.",
    Refusal.WRONG_ALGORITHM: "This kind of passkey is not taken here. Use another device or security key.",
    Refusal.WRONG_SIGNATURE: "The passkey’s answer is not genuine. Sign in another way, and tell the awarding body.",
    Refusal.UNKNOWN: "This passkey is not known here, or was removed. Sign in another way.",
    Refusal.OTHER_ACCOUNT: "This passkey belongs to another account. Choose the one of the account you are signing in with.",
    Refusal.DISABLED: "This account has been closed. Ask whoever looks after accounts at your centre or the awarding body.",
    Refusal.COUNTER: "This passkey may have been copied: it counted backwards. Sign in another way, remove it from your "
    "account, and tell the awarding body.",
    Refusal.KNOWN_ALREADY: "This device already has a passkey for this service. Use another device or security key.",
}


class AnswerRefused(Exception):
    """An answer is not taken; ``refusal`` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What a passkey says of itself when it is made. ``credential_data`` is what its later answers are held against."""

    credential_id: bytes
    credential_data: bytes
    counter: int
    is_synced: bool
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read and not yet believed: which passkey claims to give it, and for whom."""

    credential_id: bytes
    user_handle: bytes | None
    untrusted: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proof:
    """A genuine answer: the counter it carries, and whether the passkey is kept by a cloud now."""

    counter: int
    is_synced: bool


def offered(base_url: str) -> RelyingParty | None:
    """Return who we are to passkeys; None where the address, or a service without the extra, allows none."""
    return relying_party(base_url) if _is_installed() else None


def words_about(base_url: str) -> str:
    """Say where passkeys work, or why they do not, for whoever runs the service."""
    if not _is_installed():
        return "none: the extra webauthn is not installed"
    party = relying_party(base_url)
    if party is None:
        return "none: NEA_BASE_URL must begin with https:// and hold a name, or be http://localhost and a port"
    return f"at {party.origin}"


@cache
def _is_installed() -> bool:
    return find_spec("fido2") is not None


def ask_to_make(
    party: RelyingParty, challenge: bytes, account_id: str, name: str, known: Sequence[bytes]
) -> dict[str, Any]:
    """Return what a browser is asked to make a passkey with: one that can be found without a name, and verifies.

    Takes: ``name``, which the person's device shows; the ids of passkeys that the account has, to have none twice.
    """
    from fido2.webauthn import PublicKeyCredentialUserEntity, ResidentKeyRequirement, UserVerificationRequirement

    options, _ = _server(party).register_begin(
        PublicKeyCredentialUserEntity(id=account_id.encode(), name=name, display_name=name),
        _descriptors(known),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return dict(options.public_key) | {"timeout": TIMEOUT_SECONDS * 1000}


def ask_to_answer(party: RelyingParty, challenge: bytes, known: Sequence[bytes]) -> dict[str, Any]:
    """Return what a browser is asked to answer with; no ``known`` ids mean any passkey of this site."""
    from fido2.webauthn import UserVerificationRequirement

    options, _ = _server(party).authenticate_begin(
        _descriptors(known) or None, UserVerificationRequirement.REQUIRED, challenge
    )
    return dict(options.public_key) | {"timeout": TIMEOUT_SECONDS * 1000}


def read_new(party: RelyingParty, challenge: bytes, untrusted_text: str) -> NewPasskey:
    """Return the passkey that a browser says was made; raises ``AnswerRefused``."""
    from fido2.webauthn import RegistrationResponse

    untrusted = _object(untrusted_text)
    read = _parsed(lambda: RegistrationResponse.from_dict(untrusted))
    told = read.response.attestation_object.auth_data
    _hold(
        lambda: _server(party).register_complete(_state(challenge), read),
        party,
        challenge,
        read.response.client_data,
        told,
    )
    made = told.credential_data
    if made is None or not 0 < len(made.credential_id) <= 1023:
        raise AnswerRefused(Refusal.UNREADABLE)
    if made.public_key.get(3) not in ALGORITHMS:
        raise AnswerRefused(Refusal.WRONG_ALGORITHM)
    return NewPasskey(
        made.credential_id, bytes(made), told.counter, told.is_backed_up(), _transports(untrusted.get("response"))
    )


def read_answer(untrusted_text: str) -> Answer:
    """Return which passkey claims to answer; raises ``AnswerRefused`` for what is no answer at all."""
    from fido2.webauthn import AuthenticationResponse

    untrusted = _object(untrusted_text)
    read = _parsed(lambda: AuthenticationResponse.from_dict(untrusted))
    return Answer(read.raw_id, read.response.user_handle, untrusted)


def prove(party: RelyingParty, challenge: bytes, answer: Answer, credential_data: bytes, counter: int) -> Proof:
    """Return what a genuine answer says.

    Takes: what was kept of the passkey, and the last ``counter`` seen of it.
    Raises: ``AnswerRefused``; a counter that does not grow means that two devices hold the same key. Passkeys that a
    cloud keeps always count 0.
    Source: https://www.w3.org/TR/webauthn-3/#sctn-sign-counter
    """
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse

    read = _parsed(lambda: AuthenticationResponse.from_dict(answer.untrusted))
    told = read.response.authenticator_data
    _hold(
        lambda: _server(party).authenticate_complete(
            _state(challenge), [AttestedCredentialData(credential_data)], read
        ),
        party,
        challenge,
        read.response.client_data,
        told,
    )
    if (told.counter or counter) and told.counter <= counter:
        raise AnswerRefused(Refusal.COUNTER)
    return Proof(told.counter, told.is_backed_up())


def _server(party: RelyingParty) -> Fido2Server:
    from fido2.server import Fido2Server
    from fido2.webauthn import (
        AttestationConveyancePreference,
        PublicKeyCredentialParameters,
        PublicKeyCredentialRpEntity,
        PublicKeyCredentialType,
    )

    server = Fido2Server(
        PublicKeyCredentialRpEntity(name=SERVICE_NAME, id=party.host),
        attestation=AttestationConveyancePreference.NONE,  # who made a device is nobody's business here
        verify_origin=lambda origin: origin == party.origin,
    )
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=one) for one in ALGORITHMS
    ]
    return server


def _state(challenge: bytes) -> dict[str, str]:
    from fido2.utils import websafe_encode

    return {"challenge": websafe_encode(challenge), "user_verification": "required"}


def _descriptors(known: Sequence[bytes]) -> list[Any]:
    from fido2.webauthn import PublicKeyCredentialDescriptor, PublicKeyCredentialType

    return [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=one) for one in known]


def _hold(
    check: Callable[[], object],
    party: RelyingParty,
    challenge: bytes,
    client: CollectedClientData,
    told: AuthenticatorData,
) -> None:
    """Let the library decide, and find the words for what it refuses."""
    if client.cross_origin:
        raise AnswerRefused(Refusal.WRONG_ADDRESS)
    try:
        check()
    except Exception as error:  # whatever a stranger's key or answer does to the library is a refusal
        raise AnswerRefused(_why(party, challenge, client, told)) from error


def _why(party: RelyingParty, challenge: bytes, client: CollectedClientData, told: AuthenticatorData) -> Refusal:
    from fido2.utils import sha256

    if client.type not in {"webauthn.create", "webauthn.get"}:
        return Refusal.UNREADABLE
    if client.origin != party.origin:
        return Refusal.WRONG_ADDRESS
    if client.challenge != challenge:
        return Refusal.WRONG_CHALLENGE
    if told.rp_id_hash != sha256(party.host.encode()):
        return Refusal.WRONG_SITE
    if not told.is_user_present() or not told.is_user_verified():
        return Refusal.NOT_VERIFIED
    return Refusal.WRONG_SIGNATURE


def _object(untrusted_text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(untrusted_text) if len(untrusted_text) <= ANSWER_LIMIT_BYTES else None
    except (ValueError, RecursionError):
        value = None
    response = value.get("response") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(response, dict):
        raise AnswerRefused(Refusal.UNREADABLE)
    # The library makes bytes of whatever stands where text should: of a number, so many zeros.
    said = [value.get(name) for name in _TEXTS] + [response.get(name) for name in _TEXTS_OF_RESPONSE]
    if not all(one is None or isinstance(one, str) for one in said):
        raise AnswerRefused(Refusal.UNREADABLE)
    return {name: one for name, one in value.items() if name != "clientExtensionResults"}  # no extension is asked for


def _parsed(parse: Callable[[], T]) -> T:
    try:
        return parse()
    except Exception as error:  # the library's parsers end in errors of many kinds; each means bytes of no sense
        raise AnswerRefused(Refusal.UNREADABLE) from error


def _transports(untrusted_response: object) -> tuple[str, ...]:
    said = untrusted_response.get("transports") if isinstance(untrusted_response, dict) else None
    return tuple(sorted({one for one in said if isinstance(one, str)} & TRANSPORTS)) if isinstance(said, list) else ()
