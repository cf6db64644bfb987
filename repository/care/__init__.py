"""Care over time: what keeps a store of encrypted objects whole, known and no larger than it must be.

Glossary
    scrub           to read stored objects again in full and compare them with what the database says
    finding         one object, or its recovery copy, that is not what was written, with its code (E1 to E6, or absent)
    canary          a small object that a scrub plants and damages itself, to show that it finds what is wrong
    recovery copy   the sidecar of an object, from which its row could be made again
    reconcile       to compare the names in the store with those the database refers to, both ways
    orphan          a name in the store that no row refers to and none will
    unknown         an object in the store with a recovery copy, which the database has lost: a person must look
    stranger        a name in the store that is not one of ours
    collector       deletes orphans (`nea gc`); `grace` is the age below which it judges nothing
    brake           what stops the collector before it deletes suspiciously much
    round           what the service does for its store by itself, once a day
    reminder        a note to a centre that marks or a sample are due, made once for each day the policy names
"""
