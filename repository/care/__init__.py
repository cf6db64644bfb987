"""Care over time: what keeps a store of encrypted objects whole, known and no larger than it must be."""
