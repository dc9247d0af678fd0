//! One thread's executor: tasks run in the order in which they were woken.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tickwire_service::ports::Queue;
use tickwire_service::queue_message::QueueMessage;
use tickwire_wire::BarRow;

use crate::bars::Series;

/// What a task was for, and what came of it.
#[derive(Debug)]
pub(crate) enum Done {
    /// A batch was worked on; these ids come back.
    Batch(Vec<String>),
    /// A connection is open, or is refused.
    Opened(Result<(), String>),
    /// A request was answered.
    Reply(String),
    /// Bars were told; none if that failed.
    Bars(Option<Vec<BarRow>>),
    /// Nothing more to be said.
    Over,
}

/// For whom a task works.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    Batch {
        queue: Queue,
        messages: Vec<QueueMessage>,
        again: bool,
    },
    Open {
        client: usize,
        connection: usize,
    },
    Request {
        connection: usize,
        asked_at: i64,
        asked: Vec<u32>,
    },
    History {
        series: Series,
        /// The bars that were stored when it was asked.
        due: Vec<BarRow>,
    },
    Close,
    Job,
}

type Work = Pin<Box<dyn Future<Output = Done>>>;
type ReadyQueue = Arc<Mutex<VecDeque<usize>>>;

struct Task {
    process: usize,
    purpose: Purpose,
    work: Work,
    waker: Waker,
    turn: Arc<Turn>,
}

/// Wakes one task.
struct Turn {
    task: usize,
    waits: AtomicBool,
    ready: ReadyQueue,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.waits.swap(true, Ordering::Relaxed) {
            self.ready
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_back(self.task);
        }
    }
}

/// All tasks.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    ready: ReadyQueue,
}

impl Tasks {
    /// Starts a task of a process.
    pub(crate) fn spawn(
        &mut self,
        process: usize,
        purpose: Purpose,
        work: impl Future<Output = Done> + 'static,
    ) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        let turn = Arc::new(Turn {
            task: place,
            waits: AtomicBool::new(false),
            ready: self.ready.clone(),
        });
        let waker = Waker::from(turn.clone());
        waker.wake_by_ref();
        self.tasks[place] = Some(Task {
            process,
            purpose,
            work: Box::pin(work),
            waker,
            turn,
        });
    }

    /// Runs the next task that is ready up to where it waits. `None` if none is;
    /// otherwise what it was for if it is done.
    pub(crate) fn run_one(&mut self) -> Option<Option<(usize, Purpose, Done)>> {
        let place = self
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()?;
        // It may have died meanwhile, and its place may be another's.
        let Some(mut task) = self.tasks[place].take() else {
            return Some(None);
        };
        task.turn.waits.store(false, Ordering::Relaxed);
        match task.work.as_mut().poll(&mut Context::from_waker(&task.waker)) {
            Poll::Ready(done) => {
                self.free.push(place);
                Some(Some((task.process, task.purpose, done)))
            }
            Poll::Pending => {
                self.tasks[place] = Some(task);
                Some(None)
            }
        }
    }

    /// Drops all tasks of a process where they stand; returns what they were for.
    pub(crate) fn kill(&mut self, process: usize) -> Vec<Purpose> {
        let mut killed = Vec::new();
        for place in 0..self.tasks.len() {
            if let Some(task) = self.tasks[place].take_if(|task| task.process == process) {
                killed.push(task.purpose);
                self.free.push(place);
            }
        }
        killed
    }
}
