//! Other people's code on our streams: futures-util's buffers, lines, splitting, copying and
//! joining, and a peer of the system's.

use std::process::{Command, Stdio};
use std::rc::Rc;

use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use futures_util::stream::StreamExt;
use ropewalk::stream::{Stream, serve};
use ropewalk::{Net, Reactor};

/// A line protocol without a framer of ours: `add 1 2` is answered with `3`.
async fn calculator(stream: Stream, _: Rc<dyn Net>) {
    let (reading, writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    let mut answers = BufWriter::new(writing);
    while let Some(Ok(line)) = lines.next().await {
        let answer = match line.split(' ').collect::<Vec<_>>()[..] {
            ["add", a, b] => a.parse::<i64>().ok().zip(b.parse::<i64>().ok()),
            _ => None,
        };
        let answer = answer.map_or("what?".to_owned(), |(a, b)| (a + b).to_string());
        let written = answers.write_all(format!("{answer}\n").as_bytes()).await;
        if written.is_err() || answers.flush().await.is_err() {
            return;
        }
    }
    let _ = answers.close().await; // the peer may be gone
}

#[test]
fn a_line_protocol_of_futures_util_talks_with_itself() {
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(("127.0.0.1", 0), serve(calculator)).unwrap();
    let to = listener.addrs()[0].clone();
    let client = async {
        let stream = reactor.connect_stream(to).await?;
        let (reading, mut writing) = stream.split();
        let mut lines = BufReader::new(reading).lines();
        let mut said = Vec::new();
        for asked in ["add 1 2\n", "add 40 2\n", "sub 1 2\n"] {
            writing.write_all(asked.as_bytes()).await?;
            said.push(lines.next().await.expect("an answer")?);
        }
        writing.close().await?;
        assert!(lines.next().await.is_none());
        std::io::Result::Ok(said)
    };
    assert_eq!(reactor.block_on(client).unwrap().unwrap(), ["3", "42", "what?"]);
}

#[test]
fn a_hundred_clients_at_once_each_have_their_answers() {
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(("127.0.0.1", 0), serve(calculator)).unwrap();
    let to = listener.addrs()[0].clone();
    let clients = (0..100).map(|number| {
        let to = to.clone();
        let reactor = &reactor;
        async move {
            let mut stream = reactor.connect_stream(to).await?;
            let ask: String = (0..50).map(|n| format!("add {number} {n}\n")).collect();
            stream.write_all(ask.as_bytes()).await?;
            stream.close().await?;
            let mut said = String::new();
            stream.read_to_string(&mut said).await?;
            let expected: String = (0..50).map(|n| format!("{}\n", number + n)).collect();
            std::io::Result::Ok(said == expected)
        }
    });
    let all = reactor.block_on(futures_util::future::try_join_all(clients)).unwrap().unwrap();
    assert_eq!(all, vec![true; 100]);
}

#[test]
fn netcat_talks_with_the_line_protocol() {
    if !crate::needs::has_openbsd_netcat() {
        return;
    }
    let reactor = Reactor::new().unwrap();
    let listener = reactor.listen_tcp(("127.0.0.1", 0), serve(calculator)).unwrap();
    let port = listener.addrs()[0].port().unwrap().to_string();
    let remote = reactor.remote();
    let talking = std::thread::spawn(move || {
        use std::io::Write;
        let mut nc = Command::new("nc")
            .args(["-N", "-w", "60", "127.0.0.1", &port])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        nc.stdin.take().unwrap().write_all(b"add 20 3\nadd 1 1\n").unwrap();
        let said = nc.wait_with_output().unwrap().stdout;
        remote.stop().unwrap();
        String::from_utf8(said).unwrap()
    });
    reactor.run().unwrap();
    assert_eq!(talking.join().unwrap(), "23\n2\n");
}
