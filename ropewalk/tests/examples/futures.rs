//! The future beside a protocol, with guests of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::program::{Program, example};

fn eat(port: u16, orders: &str) -> TcpStream {
    let mut guest = TcpStream::connect(("127.0.0.1", port)).unwrap();
    guest.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    guest.write_all(orders.as_bytes()).unwrap();
    guest.shutdown(Shutdown::Write).unwrap();
    guest
}

fn all(mut guest: TcpStream) -> String {
    let mut said = String::new();
    guest.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn the_cook_serves_each_guest_in_the_order_of_the_orders() {
    let mut kitchen = Program::start(example("future_beside_protocol").arg("0"));
    assert_eq!(kitchen.line(), "the kitchen is open..");
    let port = kitchen.port();
    let first = all(eat(port, "tea\nsoup\ncake\n"));
    assert_eq!(first, "your tea, 2 to come\nyour soup, 1 to come\nyour cake, 0 to come\n");
    for dish in ["tea", "soup", "cake"] {
        assert_eq!(kitchen.line(), format!("...{dish}"));
    }
    let (one, other) = (eat(port, "tea\n"), eat(port, "pie\n"));
    assert_eq!(all(one), "your tea, 0 to come\n");
    assert_eq!(all(other), "your pie, 0 to come\n");
}

#[test]
fn a_kitchen_takes_so_many_orders_and_says_no_to_the_rest() {
    let mut kitchen = Program::start(example("future_beside_protocol").arg("0"));
    let port = kitchen.port();
    let said = all(eat(port, &"tea\n".repeat(30)));
    let full = said.lines().filter(|line| *line == "the kitchen is full").count();
    let served = said.lines().filter(|line| line.starts_with("your tea, ")).count();
    assert_eq!(full + served, 30, "{said}");
    assert!(full > 0, "{said}");
}
