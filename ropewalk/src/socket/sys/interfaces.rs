//! The system's network interfaces, by number and by name.
//! Owns: the calls for them. Never: says which of them is up, or what addresses it has.

use std::io;

use super::names::{text_of, until_zero};

/// Room for an interface's name with its closing zero: 16 bytes on Linux, 257 on Windows.
const NAME_ROOM: usize = 260;

/// The number of an interface.
pub(crate) fn index_of(name: &str) -> io::Result<u32> {
    let name = text_of(Some(name))?.unwrap_or_default();
    // SAFETY: the text ends with a zero byte and lives until the call returns.
    match unsafe { calls::if_nametoindex(name.as_ptr().cast()) } {
        0 => Err(none()),
        index => Ok(index),
    }
}

/// The name of an interface.
pub(crate) fn name_of(index: u32) -> io::Result<String> {
    let mut name = [0_u8; NAME_ROOM];
    // SAFETY: the system writes a name with its closing zero, which has at most as many bytes
    // as the buffer, and keeps no pointer to it.
    let found = unsafe { calls::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() { Err(none()) } else { Ok(until_zero(&name)) }
}

/// All of them.
#[cfg(unix)]
pub(crate) fn all() -> io::Result<Vec<(u32, String)>> {
    // SAFETY: it takes nothing, and gives a list or no pointer.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: the list is not given back yet, and ends with a part whose number is 0, behind
    // which nothing is looked at.
    while let one @ libc::if_nameindex { if_index: 1.., .. } = unsafe { &*next } {
        // SAFETY: a part before the last has a name, which ends with a zero byte.
        let name = unsafe { std::ffi::CStr::from_ptr(one.if_name) };
        found.push((one.if_index, name.to_string_lossy().into_owned()));
        // SAFETY: behind a part that is not the last is another one.
        next = unsafe { next.add(1) };
    }
    // SAFETY: the list is the system's, and given back once; the names were copied.
    unsafe { libc::if_freenameindex(list) };
    Ok(found)
}

/// All of them.
#[cfg(windows)]
pub(crate) fn all() -> io::Result<Vec<(u32, String)>> {
    use calls::{FreeMibTable, GetIfTable2, MIB_IF_TABLE2};

    let mut table: *mut MIB_IF_TABLE2 = std::ptr::null_mut();
    // SAFETY: the table goes to `table`, which is looked at only if it says 0.
    let code = unsafe { GetIfTable2(&raw mut table) };
    if code != 0 {
        return Err(io::Error::from_raw_os_error(code as i32));
    }
    // SAFETY: the table has as many rows as it says, one after another from the first, and
    // lives until it is given back below.
    let rows = unsafe {
        let first = (&raw const (*table).Table).cast::<calls::MIB_IF_ROW2>();
        std::slice::from_raw_parts(first, (*table).NumEntries as usize)
    };
    let named = rows.iter().filter_map(|row| {
        let index = row.InterfaceIndex;
        name_of(index).ok().map(|name| (index, name)) // gone meanwhile
    });
    let found = named.collect();
    // SAFETY: the table is the system's, and given back once; nothing of it is kept.
    unsafe { FreeMibTable(table.cast()) };
    Ok(found)
}

#[cfg(unix)]
use super::numbers as calls;
#[cfg(windows)]
use windows_sys::Win32::NetworkManagement::IpHelper as calls;

#[cfg(unix)]
fn none() -> io::Error {
    io::Error::last_os_error()
}

/// Windows keeps no code.
#[cfg(windows)]
fn none() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no such interface")
}
