//! Greeks and implied volatilities against their rivals and against the floor,
//! in one run: nanoseconds per option, one thread, the best of several rounds.
//!
//! `cargo bench -p tickwire-options`

#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility, solver};
use tickwire_market::{Right, UnixNanos};
use tickwire_options::floor::floor;
use tickwire_options::{
    AllGreeks, Chain, ContractColumns, Contracts, Curve, Exercise, Expiry, FirstGreeks, Greek,
    ImpliedColumns, Lanes, PairColumns, Quote, Settings, Underlying,
};

/// Contracts of one expiry in the larger chains.
const EXPIRY_ROWS: usize = 250;
/// How long each is measured, a round.
const ROUND: Duration = Duration::from_millis(60);
const ROUNDS: usize = 7;

struct Book {
    expiries: Vec<Expiry>,
    contracts: ContractColumns,
    sigmas: Vec<f64>,
    prices: Vec<f64>,
}

/// Chains of 1 day to 2 years, within 3.5 deviations, with a smile; both rights.
fn book(rows: usize) -> Book {
    let mut state = 7_u64;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut book = Book {
        expiries: Vec::new(),
        contracts: ContractColumns::default(),
        sigmas: Vec::new(),
        prices: Vec::new(),
    };
    while book.contracts.rows() < rows {
        let time = (1.0 + 729.0 * noise()) / 365.0;
        let expiry = Expiry::on_spot(24_000.0, 0.065, 0.012, time).unwrap();
        for at in 0..EXPIRY_ROWS.min(rows - book.contracts.rows()) {
            let z = 7.0 * noise() - 3.5;
            let sigma = 0.14 + 0.02 * z * z - 0.01 * z;
            let strike = expiry.forward() * (z * 0.14 * time.sqrt()).exp();
            let right = if at % 2 == 0 { Right::Call } else { Right::Put };
            let greeks = expiry.greeks(Lanes::detect(), strike, right, sigma);
            book.contracts.push(strike, right).unwrap();
            book.sigmas.push(sigma);
            book.prices.push(greeks.get(Greek::Price).unwrap());
        }
        book.expiries.push(expiry);
    }
    book
}

impl Book {
    fn each(&self, mut work: impl FnMut(&Expiry, Contracts<'_>, std::ops::Range<usize>)) {
        for (at, expiry) in self.expiries.iter().enumerate() {
            let rows = at * EXPIRY_ROWS..((at + 1) * EXPIRY_ROWS).min(self.contracts.rows());
            work(expiry, self.contracts.rows_of(rows.clone()), rows);
        }
    }
}

/// The five Greeks as a loop with the platform's functions gives them.
fn scalar(expiry: &Expiry, strike: f64, sign: f64, sigma: f64) -> [f64; 6] {
    let (forward, discount, time, rate) = (expiry.forward(), expiry.discount(), expiry.time(), expiry.rate());
    let spot = 24_000.0;
    let (carried, root) = (forward * discount, time.sqrt());
    let deviation = sigma * root;
    let d1 = (forward / strike).ln() / deviation + deviation / 2.0;
    let d2 = d1 - deviation;
    let cdf = |d: f64| 0.5 * libm::erfc(-d * std::f64::consts::FRAC_1_SQRT_2);
    let density = (-d1 * d1 / 2.0).exp() * 0.398_942_280_401_432_7;
    let (n1, n2) = (cdf(sign * d1), cdf(sign * d2));
    let (a, b) = (carried * n1, strike * discount * n2);
    [
        sign * (a - b),
        sign * a / spot,
        carried * density / (spot * spot * deviation),
        -carried * density * sigma / (2.0 * root) + sign * (0.012 * a - rate * b),
        carried * density * root,
        sign * time * b,
    ]
}

/// The best of several rounds of each, taken in turn, in ns per option.
fn measure(rows: usize, tasks: &mut [(&str, &mut dyn FnMut())]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; tasks.len()];
    for _ in 0..ROUNDS {
        for ((_, task), best) in tasks.iter_mut().zip(&mut best) {
            let began = Instant::now();
            let mut passes = 0_u32;
            while began.elapsed() < ROUND || passes == 0 {
                let one = Instant::now();
                let batch = (200_000 / rows).max(1);
                for _ in 0..batch {
                    task();
                }
                let nanos = one.elapsed().as_nanos() as f64 / (batch * rows) as f64;
                *best = best.min(nanos);
                passes += 1;
            }
        }
    }
    best
}

fn main() {
    live();
    for lanes in Lanes::available().into_iter().take(2) {
        println!("\n{}, ns per option", lanes.name());
        println!(
            "| options | floor | five Greeks | of calls and puts at once | all 16 | scalar loop | of the floor: five, at once, 16 | scalar / five |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
        for rows in [100, 10_000, 1_000_000] {
            greeks(lanes, rows);
        }
        println!(
            "| options | implied volatility | Hybrid | Experimental | Hybrid / ours | Experimental / ours | to the scalar solver |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- |");
        for rows in [100, 10_000, 1_000_000] {
            implied(lanes, rows);
        }
    }
}

/// A live chain of 442 contracts, three expiries: forwards, volatilities,
/// Greeks, smiles and analytics in one pass; then one contract alone.
fn live() {
    const DAY: i64 = 86_400 * UnixNanos::PER_SECOND;
    let now = UnixNanos(1_750_000_000 * UnixNanos::PER_SECOND);
    let settings = Settings {
        curve: Curve::flat(0.065),
        dividend_yield: 0.0,
        on_future: false,
        exercise: Exercise::European,
        cost: 1.0,
    };
    let strikes = [74, 74, 73];
    let contracts: Vec<_> = [7, 14, 30]
        .iter()
        .zip(strikes)
        .flat_map(|(days, strikes)| {
            let close = now.saturating_add(days * DAY);
            (0..strikes).map(move |at| (close, 22_150.0 + 50.0 * f64::from(at)))
        })
        .collect();
    let mut chain = Chain::new(contracts.iter().copied(), settings).unwrap();
    for (close, strike) in contracts.iter().copied() {
        let time = close.nanos_since(now) as f64 / (365 * DAY) as f64;
        let expiry = Expiry::on_spot(24_000.0, 0.065, 0.012, time).unwrap();
        let x = (strike / 24_000.0_f64).ln() / time.sqrt();
        for right in [Right::Call, Right::Put] {
            let greeks = expiry.greeks(Lanes::detect(), strike, right, 0.13 - 0.05 * x + 0.3 * x * x);
            let price = greeks.get(Greek::Price).unwrap();
            let quote = Quote {
                bid: Some((price - 0.5).max(0.05)),
                ask: Some(price + 0.5),
                last: Some(price),
                volume: Some(100.0),
                open_interest: Some(1_000.0),
            };
            chain.quote(chain.place(close, strike, right).unwrap(), quote);
        }
    }
    let place = chain
        .place(contracts[37].0, contracts[37].1, Right::Call)
        .unwrap();
    let mut spot = 24_000.0;
    let mut best = [f64::INFINITY; 2];
    for _ in 0..5_000 {
        spot += 0.01;
        let began = Instant::now();
        chain.revalue(Underlying::Price(spot), now);
        best[0] = best[0].min(began.elapsed().as_nanos() as f64);
        let began = Instant::now();
        for _ in 0..100 {
            black_box(chain.value(place, Underlying::Price(black_box(spot)), now));
        }
        best[1] = best[1].min(began.elapsed().as_nanos() as f64 / 100.0);
    }
    assert!(
        chain
            .slices()
            .iter()
            .all(|slice| slice.analytics().skew_25d.is_some())
    );
    println!(
        "\nA live chain of {} contracts: {:.1} us a pass; one contract: {:.0} ns",
        2 * contracts.len(),
        best[0] / 1e3,
        best[1]
    );
}

fn greeks(lanes: Lanes, rows: usize) {
    let book = book(rows);
    let mut sums = vec![0.0; rows];
    let (mut firsts, mut alls) = (FirstGreeks::default(), AllGreeks::default());
    let mut pairs = PairColumns::default();
    pairs.resize(rows);
    firsts.resize(rows);
    alls.resize(rows);
    let mut columns: [Vec<f64>; 6] = std::array::from_fn(|_| vec![0.0; rows]);
    let found = measure(
        rows,
        &mut [
            ("floor", &mut || {
                book.each(|_, contracts, rows| {
                    floor(
                        lanes,
                        contracts.strikes(),
                        &book.sigmas[rows.clone()],
                        &mut sums[rows],
                    );
                });
                black_box(&sums);
            }),
            ("five", &mut || {
                book.each(|expiry, contracts, rows| {
                    firsts.compute(lanes, expiry, contracts, &book.sigmas[rows.clone()], rows.start);
                });
                black_box(&firsts);
            }),
            ("pairs", &mut || {
                // As many options: half as many strikes, both rights of each.
                book.each(|expiry, contracts, rows| {
                    let half = rows.len() / 2;
                    let (strikes, sigmas) = (
                        &contracts.strikes()[..half],
                        &book.sigmas[rows.start..rows.start + half],
                    );
                    pairs.compute(lanes, expiry, strikes, sigmas, rows.start);
                });
                black_box(&pairs);
            }),
            ("all", &mut || {
                book.each(|expiry, contracts, rows| {
                    alls.compute(lanes, expiry, contracts, &book.sigmas[rows.clone()], rows.start);
                });
                black_box(&alls);
            }),
            ("scalar", &mut || {
                book.each(|expiry, contracts, rows| {
                    for (at, row) in rows.enumerate() {
                        let values = scalar(
                            expiry,
                            contracts.strikes()[at],
                            contracts.signs()[at],
                            book.sigmas[row],
                        );
                        for (column, value) in columns.iter_mut().zip(values) {
                            column[row] = value;
                        }
                    }
                });
                black_box(&columns);
            }),
        ],
    );
    let [floor, five, pairs, all, scalar] = found[..] else {
        return;
    };
    println!(
        "| {rows} | {floor:.1} | {five:.1} | {pairs:.1} | {all:.1} | {scalar:.1} | {:.2}, {:.2}, {:.2} | {:.1} |",
        five / floor,
        pairs / floor,
        all / floor,
        scalar / five
    );
}

fn implied(lanes: Lanes, rows: usize) {
    let book = book(rows);
    let mut ours = ImpliedColumns::default();
    ours.resize(rows);
    let mut theirs = vec![0.0; rows];
    let mut theirs_too = vec![0.0; rows];
    let mut to_scalar = 0;
    fn solve<S: solver::BlackSolver>(book: &Book, out: &mut [f64]) {
        book.each(|expiry, contracts, rows| {
            let (forward, time, undiscount) = (expiry.forward(), expiry.time(), 1.0 / expiry.discount());
            for (at, row) in rows.enumerate() {
                let of = ImpliedBlackVolatility::builder()
                    .option_price(book.prices[row] * undiscount)
                    .forward(forward)
                    .strike(contracts.strikes()[at])
                    .expiry(time)
                    .is_call(contracts.signs()[at] > 0.0)
                    .build_unchecked();
                out[row] = of.calculate_with::<S>().unwrap_or(f64::NAN);
            }
        });
        black_box(out);
    }
    let found = measure(
        rows,
        &mut [
            ("ours", &mut || {
                to_scalar = 0;
                book.each(|expiry, contracts, rows| {
                    let prices = &book.prices[rows.clone()];
                    to_scalar += ours.compute(lanes, expiry, contracts, prices, rows.start);
                });
                black_box(&ours);
            }),
            ("hybrid", &mut || {
                solve::<solver::Hybrid<DefaultSpecialFn>>(&book, &mut theirs)
            }),
            ("experimental", &mut || {
                solve::<solver::Experimental>(&book, &mut theirs_too)
            }),
        ],
    );
    let [own, hybrid, experimental] = found[..] else {
        return;
    };
    println!(
        "| {rows} | {own:.1} | {hybrid:.1} | {experimental:.1} | {:.2} | {:.2} | {to_scalar} |",
        hybrid / own,
        experimental / own
    );
}
