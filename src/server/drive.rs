//! Drives all tasks of a server on one thread.

use futures_lite::future;
use smol::{LocalExecutor, Task};
use std::time::{Duration, Instant};

/// How long tasks run before the reactor looks for new input.
const SLICE: Duration = Duration::from_micros(250);

/// How many tasks run between two looks at the clock.
const TASKS_A_LOOK: usize = 8;

/// Runs the executor until this task, one of its own, has ended.
///
/// The executor's own loop looks for input only after 200 tasks; with one client that pipelines
/// without end, that is many milliseconds for all others. This one goes by the clock.
pub(super) async fn drive<T>(executor: &LocalExecutor<'_>, main: Task<T>) -> T {
    let ticks = async {
        loop {
            executor.tick().await;
            let began = Instant::now();
            while run_some(executor) {
                if began.elapsed() >= SLICE {
                    future::yield_now().await;
                    break;
                }
            }
        }
    };
    future::or(main, ticks).await
}

/// Runs a few tasks; false if none is left to run.
fn run_some(executor: &LocalExecutor<'_>) -> bool {
    (0..TASKS_A_LOOK).all(|_| executor.try_tick())
}
