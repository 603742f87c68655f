//! The notes' UDP client (创建UDP客户端): their pseudo-code, line by line, in its order.
//!
//! Each line that is typed is sent, and the answer printed; an empty one ends it.
#![allow(clippy::print_stdout, reason = "a conversation with a person")]

use std::io::{BufRead, Write};
use std::time::Duration;

use ropewalk::socket::{AF_INET, SOCK_DGRAM, Socket};

const ADDRESS: &str = "127.0.0.1:21567"; // 主机名 + 端口号: host and port

fn main() -> ropewalk::Result<()> {
    let server = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    // cs = socket()                   创建客户端套接字: make the client's socket
    let mut cs = Socket::new(AF_INET, SOCK_DGRAM)?;
    // A datagram may be lost, so the wait for its answer has an end.
    cs.set_timeout(Some(Duration::from_secs(5)))?;
    // comm_loop:                      通信循环: until there is nothing more to say
    while let Some(line) = ask() {
        // cs.sendto()/cs.recvfrom()   对话(发送/接收): send, and receive
        cs.send_to(line.as_bytes(), server.as_str())?;
        let answer = cs.recv_from(1024)?;
        println!("{}", String::from_utf8_lossy(&answer.bytes));
    }
    // cs.close()                      关闭客户端套接字: close the client's socket
    cs.close()
}

/// A line of standard input; none at its end, or if it is empty.
fn ask() -> Option<String> {
    print!("> ");
    std::io::stdout().flush().ok()?;
    let line = std::io::stdin().lock().lines().next()?.ok()?;
    (!line.is_empty()).then_some(line)
}
