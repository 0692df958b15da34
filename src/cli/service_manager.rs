//! Notifications to the service manager (systemd): the server is ready, alive or stopping.

/// Notifies the service manager that the server is ready, then that it is alive, as often as it
/// requires, until `stop` completes, and then that the server stops. Without a service manager,
/// only waits for `stop`.
#[cfg(unix)]
pub(super) async fn notify_until(stop: impl Future<Output = ()>) {
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
            Some(interval) => {
                // On the runtime of the requests: if it hangs, the server is restarted.
                let mut ticks = tokio::time::interval(interval);
                loop {
                    ticks.tick().await;
                    notify(Watchdog);
                }
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop => {}
        () = alive => {}
    }
    notify(Stopping);
}

/// Waits for `stop`, where there is no such service manager.
#[cfg(not(unix))]
pub(super) async fn notify_until(stop: impl Future<Output = ()>) {
    stop.await;
}
