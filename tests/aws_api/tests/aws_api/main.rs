//! The template with the real bootstraps on an emulator of AWS: one stack, on
//! which ticks flow from the first trial to the last while it is denied, fed
//! poison, killed and deployed over; at the end every tick is in the log once and
//! every client took all of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod contracts;
mod events;
mod feed;
mod matrix;
mod memory;
mod readers;
mod rotation;
mod trouble;
mod wait;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tickwire_aws_api::bootstraps::Bootstraps;
use tickwire_aws_api::emulator::Emulator;
use tickwire_aws_api::stack::{Deployer, Stack};
use tickwire_aws_api::tools::Tools;
use tickwire_aws_api::{Failure, SKIPPED};

use self::feed::{Feed, two_instruments};
use self::readers::Readers;

/// Name of the stack.
const STACK: &str = "tickwire-dev";
/// Longest time of all trials together, without the installation of tools.
const SUITE_MAX: Duration = Duration::from_secs(360);

/// What passed and what did not.
#[derive(Default)]
pub(crate) struct Report {
    passed: AtomicUsize,
    failed: AtomicUsize,
}

impl Report {
    /// Runs a trial and notes how it went.
    pub(crate) async fn trial(&self, name: &str, trial: impl Future<Output = Result<(), Failure>>) {
        let began = Instant::now();
        let outcome = trial.await;
        let seconds = began.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                self.passed.fetch_add(1, Relaxed);
                println!("ok      {name} ({seconds:.1} s)");
            }
            Err(error) => {
                self.failed.fetch_add(1, Relaxed);
                println!("FAILED  {name} ({seconds:.1} s)\n        {error}");
            }
        }
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = Report::default();
    let ran = runtime.block_on(suite(&report));
    let (passed, failed) = (report.passed.into_inner(), report.failed.into_inner());
    match ran {
        Ok(false) => {
            eprintln!("{SKIPPED}");
            ExitCode::SUCCESS
        }
        Ok(true) => {
            println!("{passed} passed, {failed} failed");
            ExitCode::from(u8::from(failed > 0))
        }
        Err(error) => {
            eprintln!("FAILED: {error}");
            println!("{passed} passed, {} failed", failed + 1);
            ExitCode::FAILURE
        }
    }
}

/// Whether it ran.
async fn suite(report: &Report) -> Result<bool, Failure> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = target.join("aws_api");
    // What an earlier run left would be taken for this one's.
    let _ = std::fs::remove_dir_all(&home);
    let Some(bootstraps) = Bootstraps::from_environment(&home.join("bootstraps"))? else {
        return Ok(false);
    };
    let tools = Tools::ready(&target.join("../aws-tools"))?;
    let began = Instant::now();
    let emulator = Emulator::start(&tools, &home.join("emulator")).await?;
    println!(
        "emulator at {} ({:.1} s)",
        emulator.host,
        began.elapsed().as_secs_f64()
    );
    let deployer = Deployer::new(&tools, &emulator, &home, STACK);
    let stack = Stack::new(&emulator, STACK, deployer.deploy(&bootstraps)?)?;
    println!("stack {STACK} stands ({:.1} s)", began.elapsed().as_secs_f64());

    let memory = emulator.memory();
    let trials = trials(report, &tools, &emulator, &deployer, &bootstraps, &stack);
    let ended = tokio::time::timeout(SUITE_MAX.saturating_sub(began.elapsed()), trials).await;
    let ended = ended.unwrap_or_else(|_| {
        let why = format!("the trials took more than {} s", SUITE_MAX.as_secs());
        Err(Failure::Process(why))
    });
    report
        .trial("the trials came to their end", async { ended })
        .await;
    report
        .trial("no function takes much memory", async { memory::peaks(&memory) })
        .await;
    if report.failed.load(Relaxed) > 0 {
        for line in stack.warnings().await? {
            println!("        {line}");
        }
    }
    emulator.stop().await?;
    println!("all of it took {:.1} s", began.elapsed().as_secs_f64());
    Ok(true)
}

async fn trials(
    report: &Report,
    tools: &Tools,
    emulator: &Emulator,
    deployer: &Deployer,
    bootstraps: &Bootstraps,
    stack: &Stack,
) -> Result<(), Failure> {
    report.trial("the stack is ready", access::ready(stack)).await;
    let key = stack.key().await?;
    // Taken now, used when it is worth nothing any more.
    let ticket = access::ticket(stack, &key).await?;
    let ticket_taken = Instant::now();

    let [busy, quiet] = two_instruments();
    let mut feed = Feed::still(stack, &busy);
    feed.introduce(&[
        format!("public:{busy}:tick:price"),
        format!("common:{busy}:tick:ema(close,5)"),
    ])
    .await?;
    feed.flow();
    let lonely = Feed::still(stack, &quiet);
    lonely.introduce(&[format!("public:{quiet}:tick:price")]).await?;
    lonely.send(1).await?;
    let mut readers = Readers::start(tools, stack, &key, &busy, &quiet).await?;

    tokio::join!(
        async {
            report
                .trial("without a right there is no way in", access::denials(stack, &key))
                .await;
            report
                .trial(
                    "pages, forms, tags and grants over HTTP",
                    access::pages_and_grants(stack, &key),
                )
                .await;
            report
                .trial("what a user may read", access::entitled(stack))
                .await;
            report
                .trial(
                    "the adapters keep the contracts of their ports",
                    contracts::store(emulator),
                )
                .await;
            report
                .trial(
                    "the queues keep the contracts of theirs",
                    contracts::queue(emulator),
                )
                .await;
            report
                .trial(
                    "every event goes through its bootstrap",
                    events::through_the_bootstraps(tools, emulator, bootstraps),
                )
                .await;
            report
                .trial(
                    "a ticket that is a minute old opens nothing",
                    access::expired(stack, ticket, ticket_taken),
                )
                .await;
        },
        async {
            report
                .trial("the schedule closes a bar", readers.bar_closed())
                .await;
        },
        async {
            report
                .trial("what the tables of access speak of", matrix::prepare(stack, &key))
                .await;
            report
                .trial(
                    "every stream class for every identity",
                    matrix::streams(stack, &key),
                )
                .await;
            report
                .trial(
                    "every operation for every identity",
                    matrix::operations(stack, &key),
                )
                .await;
            report
                .trial("every route for every identity", matrix::routes(stack, &key))
                .await;
        },
        async {
            report
                .trial(
                    "poison is parked with its reason, and the group goes on",
                    trouble::poison(stack, &feed),
                )
                .await;
            report
                .trial(
                    "dead letters are seen and sent back",
                    trouble::redriven(stack, &key),
                )
                .await;
            report
                .trial("what is sent twice is taken once", trouble::twice(stack, &feed))
                .await;
            report
                .trial(
                    "a connection that is gone is forgotten",
                    trouble::gone(stack, &feed),
                )
                .await;
            report
                .trial(
                    "killed in the midst of a batch, nothing is lost",
                    trouble::killed(emulator, stack, &feed),
                )
                .await;
            report
                .trial(
                    "a new version over the old one, and back, with a new key",
                    trouble::deployed(deployer, emulator, bootstraps, stack, &feed, &key),
                )
                .await;
        },
    );
    report
        .trial(
            "every tick is in the log once, and every client took all of it",
            async {
                feed.stop().await?;
                readers.python_lives()?;
                readers.check(stack, &[&feed, &lonely]).await
            },
        )
        .await;
    report
        .trial(
            "no more was set aside than the poison",
            trouble::only_poison(stack),
        )
        .await;
    readers.stop().await;
    report
        .trial(
            "a new key in four steps, and both open",
            rotation::in_four_steps(stack),
        )
        .await;
    // With the key that came last.
    let key = stack.key().await?;
    report
        .trial("a market of 442 instruments", memory::market(stack, &key))
        .await;
    Ok(())
}
