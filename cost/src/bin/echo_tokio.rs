//! Echo on tokio: the usual task a connection, on one thread like the other servers.
//!
//! Owns nothing clever. Never tunes: this is what tokio's own documentation shows.

use cost::Outcome;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// The open connections, and who waits for the last of them.
#[derive(Default)]
struct Open {
    count: AtomicUsize,
    none_left: Notify,
}

const READ_BUFFER_BYTES: usize = 4 * 1024;

fn main() -> Outcome {
    let port = cost::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(port))?;
    Ok(())
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(cost::address(port)).await?;
    cost::announce(listener.local_addr()?.port());
    let open = Arc::new(Open::default());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            () = open.none_left.notified() => return Ok(()),
        };
        open.count.fetch_add(1, Relaxed);
        let open = Arc::clone(&open);
        tokio::spawn(async move {
            // A connection's error is its own end, not the server's.
            let _ = echo(stream).await;
            if open.count.fetch_sub(1, Relaxed) == 1 {
                open.none_left.notify_one();
            }
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..read]).await?;
    }
}
