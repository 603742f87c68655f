"""Which kind of error each code of the system's is."""

import errno

from outcome import Text, kind, probe

CODES = [
    "EAGAIN", "EALREADY", "EINPROGRESS", "EPIPE", "ESHUTDOWN", "ECONNABORTED", "ECONNREFUSED",
    "ECONNRESET", "EINTR", "EACCES", "EPERM", "ETIMEDOUT", "ENOENT", "EADDRINUSE", "EADDRNOTAVAIL",
    "ENOTCONN", "EISCONN", "EDESTADDRREQ", "EMSGSIZE", "EBADF", "EINVAL", "EMFILE", "ENFILE",
    "ENOTSOCK", "ENOPROTOOPT", "EPROTOTYPE", "EPROTONOSUPPORT", "EAFNOSUPPORT", "EOPNOTSUPP",
    "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "ENOBUFS", "ENOMEM",
]

for name in CODES:
    probe("errors", name.lower())(lambda name=name: Text(kind(OSError(getattr(errno, name), ""))))


@probe("errors", "our_deadline_has_no_code")
def _():
    from ends import bound, with_timeout

    try:
        with_timeout(bound(), 0.01).recv(16)
    except TimeoutError as error:
        return error.errno


@probe("errors", "the_kernels_deadline_has_its_code")
def _():
    error = OSError(errno.ETIMEDOUT, "")
    return isinstance(error, TimeoutError), error.errno == errno.ETIMEDOUT
