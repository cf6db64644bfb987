"""The child that opens strangers' bytes. It holds no keys, has no network, and imports nothing of ours but itself.

The parent (``repository.inspection``) starts it with a file on standard input and believes nothing that it answers.
"""
