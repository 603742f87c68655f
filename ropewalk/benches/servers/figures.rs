//! The tables of requests a second and of latency: rounds in turn, medians, ratios.

use std::time::Duration;

use crate::client::{AT_A_TIME, MESSAGE_BYTES, Manner, Round, round};
use crate::served::{NAMES, Running};

/// Rounds that count; one more comes before them.
const ROUNDS: usize = 41;

/// What a server did, round after round.
#[derive(Default)]
struct Figures {
    requests_a_second: Vec<f64>,
    latencies: Vec<Duration>,
}

impl Figures {
    fn note(&mut self, round: Round) {
        self.requests_a_second.push(round.requests_a_second);
        self.latencies.extend(round.latencies);
    }

    /// The median of the ratios within each round.
    fn ratio_to(&self, other: &Figures) -> f64 {
        let pairs = self.requests_a_second.iter().zip(&other.requests_a_second);
        median(&pairs.map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
    }
}

pub(crate) fn print(manner: Manner) {
    let servers: Vec<Running> = NAMES.iter().map(|name| Running::start(name, manner)).collect();
    let mut figures: Vec<Figures> = NAMES.iter().map(|_| Figures::default()).collect();
    for server in &servers {
        round(server.addr, manner); // whatever is done once is done
    }
    for number in 0..ROUNDS {
        // Nobody is always the first after another.
        for place in 0..servers.len() {
            let place = (place + number) % servers.len();
            figures[place].note(round(servers[place].addr, manner));
        }
    }
    println!("### {}\n", manner.title());
    println!(
        "{AT_A_TIME} connections at a time, {MESSAGE_BYTES} bytes each way, {ROUNDS} rounds of \
         {} requests.\n",
        manner.requests()
    );
    println!("| server | × {} | × {} | requests a second | median | p99 |", NAMES[0], NAMES[1]);
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (name, figures_of) in NAMES.iter().zip(&figures) {
        let mut latencies = figures_of.latencies.clone();
        latencies.sort_unstable();
        println!(
            "| {name} | {:.2} | {:.2} | {} | {} | {} |",
            figures_of.ratio_to(&figures[0]),
            figures_of.ratio_to(&figures[1]),
            thousands(median(&figures_of.requests_a_second)),
            microseconds(at_share(&latencies, 0.5)),
            microseconds(at_share(&latencies, 0.99)),
        );
    }
    println!();
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The value below which this share of the sorted ones lies.
pub(crate) fn at_share(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len() - 1;
    sorted[((sorted.len() as f64 * share) as usize).min(last)]
}

pub(crate) fn microseconds(time: Duration) -> String {
    format!("{} µs", thousands(time.as_secs_f64() * 1e6))
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
