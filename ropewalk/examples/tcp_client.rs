//! The notes' TCP client (创建TCP客户端): their pseudo-code, line by line, in its order.
//!
//! Each line that is typed is sent, and the answer printed; an empty one ends it.
#![allow(clippy::print_stdout, reason = "a conversation with a person")]

use std::io::{BufRead, Write};

use ropewalk::socket::{AF_INET, SOCK_STREAM, Socket};

const ADDRESS: &str = "localhost:21567"; // 主机名 + 端口号: host and port

fn main() -> ropewalk::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    // cs = socket()                   创建客户端套接字: make the client's socket
    let mut cs = Socket::new(AF_INET, SOCK_STREAM)?;
    // cs.connect()                    尝试连接服务器: try to connect to the server
    cs.connect(address.as_str())?;
    // comm_loop:                      通信循环: until there is nothing more to say
    while let Some(line) = ask() {
        // cs.send()/cs.recv()         对话(发送/接收): send, and receive
        cs.send_all(line.as_bytes())?;
        let answer = cs.recv(1024)?;
        if answer.is_empty() {
            break; // the server has closed
        }
        println!("{}", String::from_utf8_lossy(&answer));
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
