//! The notes' UDP server (创建UDP服务器): their pseudo-code, line by line, in its order.
//!
//! Run it, then `cargo run --example udp_client` in a second terminal.
#![allow(clippy::print_stdout, reason = "it tells who asks")]

use ropewalk::socket::{AF_INET, SOCK_DGRAM, Socket};

const ADDRESS: &str = "127.0.0.1:21567"; // 主机名 + 端口号: host and port

fn main() -> ropewalk::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    // ss = socket()                   创建服务器套接字: make the server's socket
    let ss = Socket::new(AF_INET, SOCK_DGRAM)?;
    // ss.bind()                       绑定服务器套接字: bind it to an address
    ss.bind(address.as_str())?;
    println!("waiting for message on {}...", ss.local_addr()?);
    // inf_loop:                       服务器无限循环: serve for ever
    loop {
        // cs = ss.recvfrom()/ss.sendto()    对话(接收/发送): receive, and send
        let message = ss.recv_from(1024)?;
        if message.truncated {
            println!("...longer than 1024 bytes from: {}", message.from);
        }
        ss.send_to(&message.bytes, &message.from)?;
        println!("...received from and returned to: {}", message.from);
    }
    // ss.close()                      关闭服务器套接字: dropping it closes it
}
