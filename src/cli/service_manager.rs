//! Notifications to the service manager (systemd): the server is ready, alive or stopping.

#[cfg(unix)]
use std::time::Duration;

/// Notifies the service manager that the server is ready, then that it is alive, as often as it
/// requires, until `stop` completes, and then that the server stops. Without a service manager,
/// only waits for `stop`.
///
/// The server is alive if the runtime of the requests runs and, on it, `responds` completes: the
/// thread that accepts connections runs as well. If either hangs, the server is restarted.
#[cfg(unix)]
pub(super) async fn notify_until<R: Future<Output = ()>>(
    stop: impl Future<Output = ()>,
    responds: impl Fn() -> R,
) {
    use sd_notify::NotifyState::{Ready, Stopping, Watchdog};

    let notify = |state| {
        if let Err(cause) = sd_notify::notify(&[state]) {
            tracing::warn!(%cause, "the service manager can't be notified");
        }
    };
    notify(Ready);
    // Half of its time limit, as systemd recommends.
    let interval = sd_notify::watchdog_enabled().map(|limit| limit / 2);
    let alive = async {
        match interval.filter(|interval| !interval.is_zero()) {
            Some(interval) => notify_alive(interval, responds, || notify(Watchdog)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop => {}
        () = alive => {}
    }
    notify(Stopping);
}

/// Notifies at each interval in which `responds` completes, for as long as it is polled.
#[cfg(unix)]
async fn notify_alive<R: Future<Output = ()>>(
    interval: Duration,
    responds: impl Fn() -> R,
    notify: impl Fn(),
) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(interval, responds()).await {
            Ok(()) => notify(),
            Err(_) => tracing::error!(
                "the thread that accepts connections does not run; the service manager is not notified"
            ),
        }
    }
}

/// Waits for `stop`, where there is no such service manager.
#[cfg(not(unix))]
pub(super) async fn notify_until<R: Future<Output = ()>>(
    stop: impl Future<Output = ()>,
    _: impl Fn() -> R,
) {
    stop.await;
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn a_server_whose_accepting_thread_hangs_is_not_alive() {
        let (hangs, notified) = (&AtomicBool::new(false), &AtomicUsize::new(0));
        let responds = move || async move {
            if hangs.load(SeqCst) {
                std::future::pending::<()>().await;
            }
        };
        let notify = move || {
            notified.fetch_add(1, SeqCst);
        };
        let alive = notify_alive(Duration::from_millis(20), responds, notify);
        let counted = move || async move {
            tokio::time::sleep(Duration::from_millis(600)).await;
            notified.swap(0, SeqCst)
        };
        let observed = async {
            let before = counted().await;
            hangs.store(true, SeqCst);
            let meanwhile = counted().await;
            hangs.store(false, SeqCst);
            (before, meanwhile, counted().await)
        };
        tokio::select! {
            () = alive => panic!("it ended"),
            (before, meanwhile, after) = observed => {
                assert!(before > 0 && after > 0, "{before} {after}");
                assert!(meanwhile <= 1, "{meanwhile}");
            }
        }
    }
}
