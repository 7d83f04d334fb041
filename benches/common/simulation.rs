//! What a step would take on ranks that are not there, by the model of `docs/scaling.md`: computed from what a rank's own step
//! takes, and what messages cost.

use super::common::S;

/// What ranks are joined by: the time of a message of nothing, and bytes in a second, of each rank.
struct Network {
    name: &'static str,
    latency: f64,
    speed: f64,
}

/// The time of a step of so many captions at each of so many ranks, of a model with so many words, and
/// what of it is computing. `compute` is what the captions of the size S take.
fn step(network: &Network, ranks: f64, captions: f64, words: f64, compute: f64) -> (f64, f64) {
    let [n, t, f, d, h] = [S.n, S.t, S.f, S.d, S.h].map(|size| size as f64);
    let (cell, scores, project) = (4.0 * (d + h + 1.0) * h, (h + 1.0) * words, (f + 1.0) * h);
    let computed = compute * captions / n;
    let rounds = ranks.log2().ceil();
    // Halving and doubling: each number is sent once as a share and once as a sum.
    let sum = |numbers: f64| {
        let bytes = 4.0 * numbers * (ranks - 1.0) / ranks;
        3.0 * rounds * network.latency + 2.0 * bytes / network.speed
    };
    let (table, rows) = (words * d, captions * t * (d + 1.0));
    let gathered = 4.0 * rounds * network.latency + 4.0 * rows * (ranks - 1.0) / network.speed;
    let embedding = if rows * ranks < 2.0 * table { gathered } else { sum(table) };
    // The forward sweep is a third of the products; then come the gradients of the scores, and with the last of the cell all
    // others.
    let share = scores / (scores + cell);
    let buckets =
        [(1.0 / 3.0 + 2.0 / 3.0 * share, sum(scores)), (1.0, sum(cell + project)), (1.0, embedding)];
    let end = buckets.iter().fold(0.0_f64, |end, (ready, cost)| end.max(ready * computed) + cost);
    (end.max(computed), computed)
}

/// Prints how many times as fast as one rank many are, joined by networks of several kinds.
pub fn simulate(compute: f64, latency: f64, speed: f64) {
    let networks = [
        Network { name: "as measured here", latency, speed },
        Network { name: "1 Gbit Ethernet", latency: 50e-6, speed: 0.117e9 },
        Network { name: "10 Gbit Ethernet", latency: 20e-6, speed: 1.17e9 },
        Network { name: "100 Gbit InfiniBand", latency: 2e-6, speed: 12e9 },
    ];
    let ranks: Vec<f64> = (3..=10).map(|power| f64::from(1 << power)).collect();
    for (words, factor) in [(1_004.0, 1.0), (10_000.0, 2.9)] {
        for (what, strong) in [("50 captions at each rank", false), ("3200 captions a step", true)] {
            println!("{words} words, {what}: times as fast as one rank");
            let heads = ranks.iter().map(|ranks| format!("{ranks:>7}"));
            println!("  {:<22}{}", "ranks", heads.collect::<String>());
            for network in &networks {
                let gain = |ranks: &f64| {
                    let captions = if strong { 3200.0 / ranks } else { S.n as f64 };
                    let (step, computed) = step(network, *ranks, captions, words, factor * compute);
                    format!("{:>7.1}", ranks * computed / step)
                };
                println!("  {:<22}{}", network.name, ranks.iter().map(gain).collect::<String>());
            }
        }
    }
}
