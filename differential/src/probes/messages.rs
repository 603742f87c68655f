//! Flags of a call; sendmsg, recvmsg and what travels beside the bytes; sendfile.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Write};
use std::time::Duration;

use ropewalk::addr::Target;
use ropewalk::error::Result;
use ropewalk::socket::*;

use crate::ends::*;
use crate::outcome::{Failure, Text, words};
use crate::{by_type, probes};

const NO_FLAGS: Flags = Flags::from_bits(0);

fn sent<T>(data: &[u8], call: impl FnOnce(&Socket) -> Result<T>) -> Result<T> {
    let (client, server) = pair()?;
    client.send_all(data)?;
    wait_readable(&server)?;
    call(&server)
}

fn received<T>(data: &[u8], call: impl FnOnce(&Socket) -> Result<T>) -> Result<T> {
    let (a, b) = udp_pair()?;
    a.send(data)?;
    wait_readable(&b)?;
    call(&b)
}

fn cut<T>(message: &Message<T>) -> Text {
    match (message.truncated(), message.control_truncated()) {
        (true, true) => words("TRUNC+CTRUNC"),
        (true, false) => words("TRUNC"),
        (false, true) => words("CTRUNC"),
        (false, false) => words("-"),
    }
}

type Told = (Vec<u8>, usize, Text);

fn message(socket: &Socket, max: usize, flags: Flags) -> Result<Told> {
    let message = socket.recv_msg(max, 0, flags)?;
    let cut = cut(&message);
    Ok((message.bytes, message.ancillary.len(), cut))
}

fn send(socket: &Socket, buffers: &[&[u8]]) -> Result<usize> {
    let buffers: Vec<IoSlice<'_>> = buffers.iter().map(|bytes| IoSlice::new(bytes)).collect();
    socket.send_msg(&buffers, &[], NO_FLAGS, None)
}

fn by_message<T>(
    buffers: &[&[u8]],
    (a, b): (Socket, Socket),
    call: impl FnOnce(&Socket) -> Result<T>,
) -> Result<(usize, T)> {
    Ok((send(&a, buffers)?, call(&b)?))
}

fn closed() -> Result<Socket> {
    let mut socket = tcp()?;
    socket.close()?;
    Ok(socket)
}

/// How many of so many descriptors come through a room for so many.
fn passed(count: usize, room: usize) -> Result<(Vec<u8>, usize, bool), Failure> {
    let (a, b) = socketpair()?;
    let files: Vec<File> = (0..count).map(|_| File::open("/dev/null")).collect::<Result<_, _>>()?;
    let fds: Vec<BorrowedDescriptor<'_>> = files.iter().map(std::os::fd::AsFd::as_fd).collect();
    a.send_fds(&[IoSlice::new(b"x")], &fds)?;
    let mut message = b.recv_fds(16, room)?;
    let descriptors = message.take_descriptors().len();
    Ok((message.bytes.clone(), descriptors, message.control_truncated()))
}

/// The one that came.
fn passed_one(socket: &Socket) -> Result<Socket, Failure> {
    let (a, b) = socketpair()?;
    a.send_fds(&[IoSlice::new(b"x")], &[socket.descriptor()?])?;
    match b.recv_fds(16, 1)?.take_descriptors().pop() {
        Some(descriptor) => Ok(Socket::from_fd(descriptor)?),
        None => Err(Failure("none came".to_owned())),
    }
}

fn sent_file(
    data: &[u8],
    offset: u64,
    count: Option<u64>,
    timeout: Option<Duration>,
) -> Result<(u64, Vec<u8>), Failure> {
    let (mut client, server) = pair()?;
    client.set_timeout(timeout)?;
    let count = client.send_file(&file_of(data)?, offset, count)?;
    client.close()?;
    let mut all = Vec::new();
    loop {
        match server.recv(64)? {
            end if end.is_empty() => return Ok((count, all)),
            data => all.extend(data),
        }
    }
}

fn file_of(data: &[u8]) -> Result<File, Failure> {
    let folder = Folder::new()?;
    let mut file = File::create_new(folder.join("file"))?;
    file.write_all(data)?;
    Ok(File::open(folder.join("file"))?)
}

fn whole(data: &[u8], timeout: Option<Duration>) -> Result<(u64, Vec<u8>), Failure> {
    sent_file(data, 0, None, timeout)
}

type RecvMsg = fn(&Socket, usize, usize, Flags) -> Result<Message<Vec<u8>>>;
type SendFile = fn(&Socket, &File, u64, Option<u64>) -> Result<u64>;

probes! { "messages":
    peek = sent(b"hello", |s| Ok((s.recv_with(2, MSG_PEEK)?, s.recv(9)?)))?;
    peek_into = sent(b"hello", |s| {
        Ok((s.recv_into_with(&mut [0; 2], MSG_PEEK)?, s.recv(9)?))
    })?;
    peek_a_datagram = received(b"hello", |s| {
        Ok((s.recv_from_with(9, MSG_PEEK)?.bytes, s.recv(9)?))
    })?;
    peek_a_part_of_a_datagram = received(b"hello", |s| {
        Ok((s.recv_with(2, MSG_PEEK)?, s.recv(9)?))
    })?;
    whether_it_was_cut_asked_for = received(b"hello", |s| {
        s.recv_into_with(&mut [0; 2], MSG_TRUNC)
    })?;
    do_not_wait = {
        let (_client, server) = pair()?;
        server.recv_with(16, MSG_DONTWAIT)?
    };
    do_not_wait_with_a_timeout = {
        with_timeout(bound_udp()?, MOMENT)?.recv_from_with(16, MSG_DONTWAIT)?.bytes
    };
    do_not_wait_though_there_is_some = sent(b"hello", |s| s.recv_with(16, MSG_DONTWAIT))?;
    do_not_wait_to_send = {
        let (client, _server) = pair()?;
        fill(&client)?;
        client.set_blocking(true)?;
        client.send_with(b"x", MSG_DONTWAIT)?
    };
    wait_for_all = {
        let (client, server) = pair()?;
        client.send_all(b"hel")?;
        std::thread::scope(|scope| {
            scope.spawn(|| client.send_all(b"lo"));
            server.recv_with(5, MSG_WAITALL)
        })?
    };
    wait_for_all_until_the_end = {
        let (mut client, server) = pair()?;
        client.send_all(b"hel")?;
        client.close()?;
        server.recv_with(5, MSG_WAITALL)?
    };
    out_of_band = {
        let (client, server) = pair()?;
        client.send_with(b"x", MSG_OOB)?;
        client.send(b"y")?;
        wait_readable(&server)?;
        (server.recv_with(1, MSG_OOB)?, server.recv(16)?)
    };
    out_of_band_of_nothing = {
        let (_client, server) = pair()?;
        server.recv_with(1, MSG_OOB)?
    };

    gathered = by_message(&[b"he", b"", b"llo"], udp_pair()?, |s| s.recv(16))?;
    gathered_on_a_stream = by_message(&[b"he", b"llo"], pair()?, |s| s.recv(16))?;
    gathered_of_nothing = by_message(&[], udp_pair()?, |s| s.recv(16))?;
    received = by_message(&[b"hello"], udp_pair()?, |s| message(s, 16, NO_FLAGS))?;
    received_on_a_stream = by_message(&[b"hello"], pair()?, |s| message(s, 16, NO_FLAGS))?;
    received_cut = by_message(&[b"hello"], udp_pair()?, |s| message(s, 2, NO_FLAGS))?;
    received_cut_on_a_stream = by_message(&[b"hello"], pair()?, |s| {
        Ok((message(s, 2, NO_FLAGS)?, s.recv(9)?))
    })?;
    received_peeked = by_message(&[b"hello"], udp_pair()?, |s| {
        Ok((message(s, 9, MSG_PEEK)?, s.recv(9)?))
    })?;
    received_in_a_pair = by_message(&[b"hello"], socketpair()?, |s| message(s, 16, NO_FLAGS))?;
    received_of_minus_1 = by_type!(Socket::recv_msg, RecvMsg, "a usize");
    received_with_minus_1_beside = by_type!(Socket::recv_msg, RecvMsg, "a usize");
    received_now = message(&non_blocking(bound_udp()?)?, 16, NO_FLAGS)?;
    received_in_time = message(&with_timeout(bound_udp()?, MOMENT)?, 16, NO_FLAGS)?;
    received_after_close = message(&closed()?, 16, NO_FLAGS)?;
    sent_after_close = send(&closed()?, &[b"x"])?;
    sent_fresh = send(&udp()?, &[b"x"])?;
    sent_fresh_tcp = send(&tcp()?, &[b"x"])?;
    sent_too_long = send(&udp_pair()?.0, &[&[0; 65508]])?;
    sent_in_too_many_parts = {
        let (client, _server) = pair()?;
        send(&client, &[b"x".as_slice(); 1025])?
    };
    sent_in_1024_parts = {
        let (client, _server) = pair()?;
        send(&client, &[b"x".as_slice(); 1024])?
    };
    received_at_the_end = {
        let (mut client, server) = pair()?;
        client.close()?;
        message(&server, 16, NO_FLAGS)?
    };
    sent_to_an_address = {
        let (a, b) = (bound_udp()?, bound_udp()?);
        let to = Some(Target::from(b.local_addr()?));
        let count = a.send_msg(&[IoSlice::new(b"hello")], &[], NO_FLAGS, to)?;
        let message = b.recv_msg(16, 0, NO_FLAGS)?;
        let same = message.from == a.local_addr()?;
        (count, message.bytes, message.from, same)
    };
    scattered = {
        let (a, b) = udp_pair()?;
        a.send(b"hello")?;
        let (mut first, mut second) = ([0; 2], [0; 8]);
        let buffers = &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let count = b.recv_msg_into(buffers, 0, NO_FLAGS)?.bytes;
        (count, first, second[..3].to_vec())
    };
    scattered_cut = {
        let (a, b) = udp_pair()?;
        a.send(b"hello")?;
        let (mut first, mut second) = ([0; 1], [0; 2]);
        let buffers = &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let message = b.recv_msg_into(buffers, 0, NO_FLAGS)?;
        ((message.bytes, cut(&message)), first, second)
    };
    descriptors_passed = passed(1, 1)?;
    two_descriptors_passed = passed(2, 2)?;
    descriptors_passed_with_room_to_spare = passed(1, 8)?;
    descriptors_passed_without_room = passed(1, 0)?;
    no_descriptors_passed = passed(0, 2)?;
    a_passed_descriptor_works = {
        let (client, mut server) = pair()?;
        let other = passed_one(&server)?;
        server.close()?;
        client.send_all(b"hello")?;
        other.recv(16)?
    };
    a_passed_descriptor_is_inherited = passed_one(&tcp()?)?.is_inheritable()?;
    descriptors_by_tcp = {
        let (client, _server) = pair()?;
        client.send_fds(&[IoSlice::new(b"x")], &[client.descriptor()?])?
    };
    length_of_4 = cmsg_len(4)?;
    length_of_0 = cmsg_len(0)?;
    space_of_4 = cmsg_space(4)?;
    space_of_minus_1 = by_type!(cmsg_space, fn(usize) -> Result<usize>, "a usize");
    space_of_more_than_there_is = cmsg_space(usize::MAX / 2)?;

    file = whole(b"hello", None)?;
    file_from_an_offset = sent_file(b"hello", 2, None, None)?;
    file_of_a_count = sent_file(b"hello", 0, Some(2), None)?;
    file_from_an_offset_of_a_count = sent_file(b"hello", 1, Some(3), None)?;
    file_of_more_than_there_is = sent_file(b"hello", 0, Some(64), None)?;
    file_beyond_its_end = sent_file(b"hello", 64, None, None)?;
    file_that_is_empty = whole(b"", None)?;
    file_with_a_timeout = whole(b"hello", Some(Duration::from_secs(10)))?;
    file_that_does_not_wait = whole(b"hello", Some(Duration::ZERO))?;
    file_by_datagrams = {
        let (a, _b) = udp_pair()?;
        a.send_file(&file_of(b"hello")?, 0, None)?
    };
    file_of_count_0 = sent_file(b"hello", 0, Some(0), None)?;
    file_of_count_minus_1 = by_type!(Socket::send_file, SendFile, "a u64");
    credentials = {
        let found = socketpair()?.0.peer_credentials()?;
        let uid = rustix::process::getuid().as_raw();
        (found.pid == Some(std::process::id()), found.uid == uid)
    };
}
