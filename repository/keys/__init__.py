"""Keys in the service's care: their provider, rotation, holds and destruction, and their backup.

Glossary
    root key        in the key provider, versioned, never in the database; wraps scope keys
    scope key       the key of centre × series × class of object; its row holds it wrapped, and who wrapped it (`kid`)
    superseded      a scope key that wraps nothing new, since a newer one of its scope does
    retired         a superseded scope key under which no data key remains; its wrap is gone
    data key        the key of one object; its row holds it wrapped under a scope key
    hold            an order that an object, or everything under a scope, must be kept
    shred           to destroy the wraps of a data key or a scope, so that its bytes are noise wherever they are copied
    officer         an awarding body officer; one proposes a shredding, another confirms it
"""
