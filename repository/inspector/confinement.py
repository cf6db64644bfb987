"""The child gives up what it does not need before it reads a byte: programs, other processes, networks, files to write.

It is a second wall inside the first (namespaces and limits of the parent), by means of the kernel that need no privilege.
Where the kernel has none of them the first wall stands alone; ``close_up`` says what took effect.

The filter of system calls lists what is forbidden, not what is allowed: the libraries that decode pictures ask for different
calls on different machines, and a list of what is allowed would fail a child's work now and then.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

SET_NO_NEW_PRIVILEGES = 38
SET_SECCOMP = 22
SECCOMP_FILTER = 2

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
KILL = 0x80000000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
FOREIGN_CALLS = 0x40000000
"""Calls of the x32 form on x86-64 carry this bit: they are the same calls under other numbers."""

LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446
LANDLOCK_ASK_VERSION = 1
LANDLOCK_EXECUTE_AND_WRITES = {1: 0x1FF3, 2: 0x3FF3, 3: 0x7FF3}
"""Everything of files but reading them and their folders, by version of the kernel's interface."""
LANDLOCK_NETWORK = 0x3
LANDLOCK_SCOPES = 0x3

# Number on x86-64, number on 64-bit ARM; None where the machine has no such call.
PROCESSES: dict[str, tuple[int | None, int | None]] = {
    "clone": (56, 220), "fork": (57, None), "vfork": (58, None), "clone3": (435, 435),
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
}  # fmt: skip
NETWORK: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
}  # fmt: skip
KERNEL: dict[str, tuple[int | None, int | None]] = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "syslog": (103, 116), "acct": (163, 89),
    "quotactl": (179, 60), "personality": (135, 92), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "sethostname": (170, 161), "settimeofday": (164, 170), "clock_settime": (227, 112), "mbind": (237, 235),
    "move_pages": (279, 239), "memfd_secret": (447, 447), "vmsplice": (278, 75), "kcmp": (312, 272),
}  # fmt: skip
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def close_up(*, programs: bool = False) -> frozenset[str]:
    """Give up for good what opening a file does not need.

    Takes: ``programs``, whether this child has to start another program, which then has files of its own to write.
    Returns: what took effect: ``landlock``, ``seccomp``.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return frozenset()
    found = set()
    if not programs and _landlock(library):
        found.add("landlock")
    if _seccomp(library, KERNEL if programs else {**PROCESSES, **NETWORK, **KERNEL}):
        found.add("seccomp")
    return frozenset(found)


def _landlock(library: ctypes.CDLL) -> bool:
    version = library.syscall(LANDLOCK_CREATE, None, 0, LANDLOCK_ASK_VERSION)
    if version < 1:
        return False
    rights = struct.pack("=Q", LANDLOCK_EXECUTE_AND_WRITES[min(version, 3)])
    if version >= 4:
        rights += struct.pack("=Q", LANDLOCK_NETWORK)
    if version >= 6:
        rights += struct.pack("=Q", LANDLOCK_SCOPES)
    rules = library.syscall(LANDLOCK_CREATE, rights, ctypes.c_size_t(len(rights)), 0)
    if rules < 0:
        return False
    done: bool = library.syscall(LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(rules)
    return done


def _seccomp(library: ctypes.CDLL, forbidden: dict[str, tuple[int | None, int | None]]) -> bool:
    machine = MACHINES.get(os.uname().machine)
    if machine is None or struct.calcsize("P") != 8:
        return False
    column, architecture = machine
    numbers = sorted(row[column] or 0 for row in forbidden.values() if row[column] is not None)
    steps = [
        (LOAD, 0, 0, 4),  # the architecture of the call
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # its number
        (JUMP_AT_LEAST, 0, 1, FOREIGN_CALLS),
        (RETURN, 0, 0, KILL),
        *((JUMP_EQUAL, len(numbers) - index, 0, number) for index, number in enumerate(numbers)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    return bool(library.prctl(SET_SECCOMP, SECCOMP_FILTER, ctypes.byref(program), 0, 0) == 0)
