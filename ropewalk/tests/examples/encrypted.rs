//! The TLS echo, as openssl's client meets it.

use std::process::{Command, Stdio};

use crate::program::{Program, example};

fn has_openssl() -> bool {
    let there = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        assert!(std::env::var_os("ROPEWALK_ALL").is_none(), "openssl is missing");
        eprintln!("not run: openssl is missing");
    }
    there
}

#[test]
fn the_tls_echo_is_believed_by_the_certificate_that_it_wrote() {
    if !has_openssl() {
        return;
    }
    let file = std::env::temp_dir().join(format!("ropewalk-tls-echo-{}.pem", std::process::id()));
    let mut serving = Program::start(example("tls_echo").arg(&file).arg("127.0.0.1:0"));
    let address = serving.address();
    let mut client = Command::new("openssl");
    client.args(["s_client", "-quiet", "-verify_return_error", "-connect", &address]);
    let mut client = Program::start(client.arg("-CAfile").arg(&file).stderr(Stdio::null()));
    client.say("hello\n");
    assert_eq!(client.line(), "hello");
    assert!(serving.line().ends_with(" by TLSv1.3"));
    let _ = std::fs::remove_file(file); // of this test alone
}
