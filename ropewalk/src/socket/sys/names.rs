//! The system's calls for names: of hosts, services and this machine.
//! Owns: `getaddrinfo` and its kin, called soundly. Never: says what a failure means; that is
//! the error's.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::ptr;

use socket2::{SockAddr, SockAddrStorage};

use super::numbers;
use crate::error::ResolverFailure;

// The same calls, of the same shape.
#[cfg(unix)]
use libc::{addrinfo, freeaddrinfo, getaddrinfo};
#[cfg(windows)]
use numbers::{ADDRINFOA as addrinfo, freeaddrinfo, getaddrinfo};

/// A system's flag: a low bit of a number that has a sign, or none.
#[cfg(unix)]
type Flag = i32;
#[cfg(windows)]
type Flag = u32;

/// Those flags that are set, as the calls take them.
pub(crate) fn flags(flags: &[(bool, Flag)]) -> i32 {
    let set = flags.iter().filter(|(set, _)| *set);
    set.fold(0, |all: Flag, (_, flag)| all | flag) as _
}

/// What is asked of `getaddrinfo`, in the system's numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) flags: i32,
    pub(crate) family: i32,
    pub(crate) kind: i32,
    pub(crate) protocol: i32,
}

/// One answer of it.
pub(crate) struct Found {
    pub(crate) family: i32,
    pub(crate) kind: i32,
    pub(crate) protocol: i32,
    pub(crate) canonical_name: Option<String>,
    pub(crate) addr: SockAddr,
}

/// The list that the system gives, until it is given back.
struct List(*mut addrinfo);

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: `getaddrinfo` made it, and nobody else gives it back; no part of it is kept.
        unsafe { freeaddrinfo(self.0) };
    }
}

/// Asks for the addresses of a host, with a service's port. Blocks.
pub(crate) fn addresses(
    host: Option<&str>,
    service: Option<&str>,
    asked: Asked,
) -> io::Result<Vec<Found>> {
    begin()?;
    let (host, service) = (text_of(host)?, text_of(service)?);
    // SAFETY: all zero is a value of this structure of numbers and pointers: no pointer.
    let mut hints: addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = asked.flags;
    hints.ai_family = asked.family;
    hints.ai_socktype = asked.kind;
    hints.ai_protocol = asked.protocol;
    let mut first = ptr::null_mut();
    // SAFETY: the two texts end with a zero byte or are no pointer, and live until it returns;
    // so do the hints; the list goes to `first`, which is looked at only if it says 0.
    let code = unsafe {
        getaddrinfo(pointer_to(&host), pointer_to(&service), &raw const hints, &raw mut first)
    };
    if code != 0 {
        return Err(failed(code));
    }
    let list = List(first);
    let mut found = Vec::new();
    let mut next = list.0;
    // SAFETY: each pointer of the list is none or points to the next part, which lives as long
    // as `list`.
    while let Some(one) = unsafe { next.as_ref() } {
        if let Some(addr) = address_of(one) {
            let (family, kind, protocol) = (one.ai_family, one.ai_socktype, one.ai_protocol);
            found.push(Found { family, kind, protocol, canonical_name: name_of(one), addr });
        }
        next = one.ai_next;
    }
    Ok(found)
}

/// The address in one answer, if it is one that a socket's address has room for.
fn address_of(one: &addrinfo) -> Option<SockAddr> {
    let length = one.ai_addrlen as usize;
    let storage = SockAddrStorage::zeroed();
    if one.ai_addr.is_null() || length > storage.size_of() as usize {
        return None;
    }
    let mut storage = storage;
    // SAFETY: the system's answer has `length` bytes there, and the storage as many, as was just
    // asked; they do not overlap, since the storage is ours; and any bytes make a storage.
    unsafe {
        ptr::copy_nonoverlapping(one.ai_addr.cast::<u8>(), (&raw mut storage).cast::<u8>(), length);
    }
    // SAFETY: `length` bytes of it are an address of the system's, as it says itself.
    Some(unsafe { SockAddr::new(storage, length as _) })
}

fn name_of(one: &addrinfo) -> Option<String> {
    if one.ai_canonname.is_null() {
        return None;
    }
    // SAFETY: where there is a name it ends with a zero byte, and lives as long as the list.
    let name = unsafe { CStr::from_ptr(one.ai_canonname.cast::<c_char>()) };
    Some(name.to_string_lossy().into_owned()).filter(|name| !name.is_empty())
}

/// The names of a host and a service at this address. Blocks.
pub(crate) fn names(addr: &SockAddr, flags: i32) -> io::Result<(String, String)> {
    begin()?;
    let mut host = [0_u8; HOST_ROOM];
    let mut service = [0_u8; SERVICE_ROOM];
    // SAFETY: the address has as many bytes as it says; each buffer has as many as is said, and
    // the system writes no more, with a zero byte at the end; all live until it returns.
    let code = unsafe {
        numbers::getnameinfo(
            addr.as_ptr().cast(),
            addr.len(),
            host.as_mut_ptr().cast(),
            HOST_ROOM as _,
            service.as_mut_ptr().cast(),
            SERVICE_ROOM as _,
            flags,
        )
    };
    match code {
        0 => Ok((until_zero(&host), until_zero(&service))),
        code => Err(failed(code)),
    }
}

/// `NI_MAXHOST` and `NI_MAXSERV`, which the systems agree on: every name fits.
const HOST_ROOM: usize = 1025;
const SERVICE_ROOM: usize = 32;

/// The name of this machine.
pub(crate) fn host_name() -> io::Result<String> {
    begin()?;
    let mut name = [0_u8; HOST_ROOM];
    // SAFETY: the buffer has a byte more than is said, so that one at the end stays zero.
    let failed = unsafe { numbers::gethostname(name.as_mut_ptr().cast(), (HOST_ROOM - 1) as _) };
    if failed == 0 { Ok(until_zero(&name)) } else { Err(io::Error::last_os_error()) }
}

pub(super) fn until_zero(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// A text as the system takes it, with a zero at its end and none before.
pub(super) fn text_of(text: Option<&str>) -> io::Result<Option<CString>> {
    let converted = text.map(CString::new).transpose();
    converted.map_err(|_| {
        let sentence = "a name cannot have a zero byte in it";
        io::Error::new(io::ErrorKind::InvalidInput, sentence)
    })
}

fn pointer_to<P>(text: &Option<CString>) -> *const P {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr().cast())
}

/// What the system says in a code of these calls.
#[cfg(unix)]
fn failed(code: i32) -> io::Error {
    if code == libc::EAI_SYSTEM {
        return io::Error::last_os_error();
    }
    // SAFETY: the system has a text for every number, which ends with a zero byte and is never
    // given back.
    let words = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
    let kind = match code {
        libc::EAI_NONAME | libc::EAI_SERVICE => io::ErrorKind::NotFound,
        // A name that is there, without an address: macOS and Linux tell it apart.
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        libc::EAI_NODATA => io::ErrorKind::NotFound,
        libc::EAI_FAMILY | libc::EAI_SOCKTYPE | libc::EAI_BADFLAGS => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    let words = words.to_string_lossy().to_lowercase();
    io::Error::new(kind, ResolverFailure { code, words })
}

#[cfg(windows)]
fn failed(code: i32) -> io::Error {
    let words = io::Error::from_raw_os_error(code).to_string();
    let kind = match code {
        numbers::WSAHOST_NOT_FOUND | numbers::WSANO_DATA | numbers::WSATYPE_NOT_FOUND => {
            io::ErrorKind::NotFound
        }
        numbers::WSAEAFNOSUPPORT | numbers::WSAESOCKTNOSUPPORT | numbers::WSAEINVAL => {
            io::ErrorKind::InvalidInput
        }
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, ResolverFailure { code, words })
}

#[cfg(unix)]
fn begin() -> io::Result<()> {
    Ok(())
}

/// Winsock has to be started before it is asked; making a socket does.
#[cfg(windows)]
fn begin() -> io::Result<()> {
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).map(drop)
}
