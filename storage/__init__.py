"""Encrypted objects on S3-compatible storage or in a local directory.

Nothing here knows examinations, HTTP or SQL. Every byte is encrypted before it reaches a store; what must be remembered
to read it again is handed back as *facts* that the caller commits to its database. `storage.vault.Vault` is the only
class that others use.

Glossary
    object          one encrypted blob, known by its **oid** (a random lower-case UUIDv4); never changed once whole
    part            one complete encrypted stream of an object: 8 386 520 bytes of plaintext, the last part fewer
    segment         the unit of authentication inside a part: 64 KiB of ciphertext
    tail            the sealed leftover of an unfinished upload, shorter than a part; replaced as bytes arrive
    header          the first 40 bytes of a part or tail: its size byte, salt and nonce prefix; no two are ever alike
    staged          parts and tails under `q/<oid>/`, written once under names that are never used again
    released        the object under `d/<oid>` (layout *whole*) or `d/<oid>/<index>` (layout *parts*)
    sidecar         `k/<oid>.json`, the recovery copy of an object's facts; never read while serving
    data key        the key of one object; stored only wrapped under a scope key
    scope key       the key of one scope (an opaque string); stored only wrapped by the key provider
    commitment      32 bytes that tell a wrong data key from damaged bytes, compared before anything is decrypted
    fact            what the caller must commit to its database: names, headers, hashes, lengths, wrapped keys
    diagnosis       E1 to E6: which kind of damage was found; for operators and the audit log, never for clients
    backend         a place that keeps named immutable blobs; its optional powers are Protocols of their own
"""
