"""Backups of keys as age files: to a passphrase, or to recipients who can open them without us (`age --decrypt`).

Source: https://age-encryption.org/v1
"""

from __future__ import annotations

from collections.abc import Sequence

import pyrage

from storage.errors import KeyRefused

# The library measures for a millisecond how fast the machine is, and refuses a file that would take it too long. On a
# busy machine it measures too little now and then, and would refuse what was sealed here: so it is asked again.
_MEASURED_AGAIN = 50


def seal_for(recipients: Sequence[str], plain: bytes) -> bytes:
    """The bytes, for whoever holds the identity of any of the recipients (`age1…` or an SSH public key).

    Raises: KeyRefused naming the recipient that is none.
    """
    return bytes(pyrage.encrypt(plain, [_recipient(text) for text in recipients]))


def seal_under(passphrase: str, plain: bytes) -> bytes:
    """The bytes, for whoever knows the passphrase."""
    return bytes(pyrage.passphrase.encrypt(plain, passphrase))


def open_with(identity_file: str, sealed: bytes) -> bytes:
    """The bytes back.

    Takes: the text of an identity file as `age-keygen` writes it, or of an SSH private key.
    Raises: KeyRefused if it is no identity, or not one of a recipient, or the file was altered.
    """
    lines = [line for line in identity_file.splitlines() if line and not line.startswith("#")]
    try:
        if lines and lines[0].startswith("AGE-SECRET-KEY-"):
            identities = [pyrage.x25519.Identity.from_str(line.strip()) for line in lines]
        else:
            identities = [pyrage.ssh.Identity.from_buffer(identity_file.encode("utf-8"))]
    except pyrage.IdentityError:
        raise KeyRefused("That is neither an age identity nor an SSH private key.") from None
    try:
        return bytes(pyrage.decrypt(sealed, identities))
    except pyrage.DecryptError:
        raise KeyRefused("This identity does not open the file, or the file was altered.") from None


def open_under(passphrase: str, sealed: bytes) -> bytes:
    """The bytes back.

    Raises: KeyRefused if the passphrase is wrong, the file was altered, or it asks for more work than this machine can do.
    """
    for _ in range(_MEASURED_AGAIN):
        try:
            return bytes(pyrage.passphrase.decrypt(sealed, passphrase))
        except pyrage.DecryptError as error:
            if not str(error).startswith("Excessive work"):
                raise KeyRefused("The passphrase does not open the file, or the file was altered.") from None
    raise KeyRefused(
        "The file asks for more work than this machine can do. Try again when it is less busy, or on a faster machine."
    )


def _recipient(text: str) -> object:
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise KeyRefused(f"{text[:20]!r} is neither an age recipient (age1…) nor an SSH public key.") from None
