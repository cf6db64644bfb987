"""Scan bundles: from the scanner to scripts that are sealed one by one.

    bundle     a stack of sheets scanned together: one PDF or TIFF of up to 1,000 pages, known by its hash
    staging    the file is sealed into the store, and only then acknowledged; none of its pages counts yet
    push       one transaction in which every page gets its place: a script, a queue, or the packet of a label sheet
    version    the images of one script as sealed; a later one supersedes it, and both are kept

``staging`` takes files in, ``pushing`` reads and pushes them in the background, ``versions`` makes a script anew when its
pages change; ``sealing`` and ``cutting`` are what they share.
"""
