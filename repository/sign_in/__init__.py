"""Signing in: who somebody is, how it was shown, and how long it holds.

Words: an *account* is one way of a person to sign in (a local one with a password or passkeys, or one at an identity
provider); a *method* is one thing that was shown (a password, a one-time code, a passkey …); an *attempt* is a sign-in
that is not finished; a *session* is one that is, and acts under exactly one assignment; a *step-up* is showing it anew
before an act that can do great harm.
"""
