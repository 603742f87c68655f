"""What a probe gives, in the form that both halves write.

A value is written as in Rust's and Python's common ground: `None`, `True`, `3`, `b"abc"`,
`(1, b"a")`. An error is `error KIND errno NAME`. What differs from run to run has a name
instead: a port that the system chose is PORT.
"""

import errno
import signal
import socket

PROBES = {}
WATCHDOG_S = 20


class Watchdog(BaseException):
    """A probe has waited for too long. No `except Exception` holds it."""


class Text(str):
    """Words that are written as they are."""


def probe(section, name=None):
    """Has a function (or, with its name, a lambda) be a probe."""

    def add(run):
        full = f"{section}.{name or run.__name__}"
        assert full not in PROBES, f"{full} is there twice"
        PROBES[full] = run
        return run

    return add


def show(value):
    if isinstance(value, Text):
        return str(value)
    if value is None or isinstance(value, (bool, int)):
        return str(value if isinstance(value, bool) or value is None else int(value))
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, (bytes, bytearray, memoryview)):
        return 'b"' + "".join(map(letter, bytes(value))) + '"'
    if isinstance(value, tuple):
        return "(" + ", ".join(map(show, value)) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    raise AssertionError(f"no form for {type(value)}")


def letter(byte):
    return chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}"


def seconds(timeout):
    """A time, which is a float here and a Duration there."""
    if timeout is None:
        return None
    count, rest = divmod(round(timeout * 10**9), 10**9)
    return Text(f"{count * 10**9 + rest} ns" if rest else f"{count} s")


def addr(address):
    """An address. Of a path, its last part."""
    if not address:
        return Text("unnamed")
    if isinstance(address, bytes):
        return Text("abstract " + show(address[1:]))
    if isinstance(address, str):
        return Text("path " + address.rsplit("/", 1)[-1])
    host, port = address[:2]
    host = f"[{host}]" if ":" in host else host
    return Text(f"{host}:{'PORT' if port else 0}")


# The words for errors. CPython's OverflowError and TypeError are ValueErrors here, and so is an
# OSError without a code: each is a value that cannot be meant, and Rust's InvalidInput. Classes
# that no call of a socket's gives on purpose are OSErrors.
TOLD_APART = {
    BlockingIOError, BrokenPipeError, ConnectionAbortedError, ConnectionRefusedError,
    ConnectionResetError, FileNotFoundError, InterruptedError, PermissionError,
}


def kind(error):
    if isinstance(error, (socket.gaierror, socket.herror)):
        return type(error).__name__
    if isinstance(error, TimeoutError):
        return "TimeoutError"
    if isinstance(error, OSError):
        if error.errno is None:
            return "ValueError"
        return type(error).__name__ if type(error) in TOLD_APART else "OSError"
    if isinstance(error, (ValueError, OverflowError, TypeError)):
        return "ValueError"
    return type(error).__name__


SAME = {"ENOTSUP": "EOPNOTSUPP", "EWOULDBLOCK": "EAGAIN", "EDEADLOCK": "EDEADLK"}


def code(number):
    """An errno by its name."""
    name = errno.errorcode.get(number, "-")
    return Text(SAME.get(name, name))


def failure(error):
    # A resolver's code is no errno.
    if isinstance(error, socket.gaierror):
        names = [name for name in dir(socket) if name.startswith("EAI_")]
        names = [name for name in names if getattr(socket, name) == error.errno]
        return f"error gaierror {names[0]}"
    number = None if isinstance(error, socket.herror) else getattr(error, "errno", None)
    return f"error {kind(error)} errno {code(number)}"


def caught(call):
    """The outcome of one call within a probe of several."""
    try:
        return Text(show(call()))
    except Exception as error:
        return Text(failure(error))


def outcome(run):
    def bark(*_):
        raise Watchdog

    signal.signal(signal.SIGALRM, bark)
    signal.alarm(WATCHDOG_S)
    try:
        return show(run())
    except Watchdog:
        return "hangs"
    except Exception as error:
        return failure(error)
    finally:
        signal.alarm(0)
