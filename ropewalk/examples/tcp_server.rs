//! The notes' TCP server (创建TCP服务器): their pseudo-code, line by line, in its order.
//!
//! Run it, then `cargo run --example tcp_client` in a second terminal. One client at a
//! time: the next one waits until this one's conversation is over.
#![allow(clippy::print_stdout, reason = "it tells who connects")]

use ropewalk::socket::{AF_INET, SOCK_STREAM, Socket};

const ADDRESS: &str = "127.0.0.1:21567"; // 主机名 + 端口号: host and port

fn main() -> ropewalk::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    // ss = socket()                   创建服务器套接字: make the server's socket
    let ss = Socket::new(AF_INET, SOCK_STREAM)?;
    // ss.bind()                       套接字与地址绑定: bind it to an address
    ss.bind(address.as_str())?;
    // ss.listen()                     监听连接: listen for connections
    ss.listen()?;
    println!("waiting for connection on {}...", ss.local_addr()?);
    // inf_loop:                       服务器无限循环: serve for ever
    loop {
        // cs = ss.accept()            接收客户端连接: take a client's connection
        let (mut cs, client) = ss.accept()?;
        println!("...connected from: {client}");
        // comm_loop:                  通信循环: until the client's end of input
        if let Err(error) = comm_loop(&cs) {
            println!("{error}"); // this client's trouble, not the server's
        }
        // cs.close()                  关闭客户端套接字: close the client's socket
        cs.close()?;
    }
    // ss.close()                      关闭服务器套接字(可选): optional, dropping it closes it
}

fn comm_loop(cs: &Socket) -> ropewalk::Result<()> {
    loop {
        // cs.recv()/cs.send()         对话（接收/发送）: receive, and send
        let data = cs.recv(1024)?;
        if data.is_empty() {
            return Ok(());
        }
        cs.send_all(&data)?;
    }
}
