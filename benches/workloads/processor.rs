//! Processor time of this process, of a thread and of PostgreSQL's server, by Linux's `/proc`.

use std::fs;

/// Ticks of the process clock in a second, as on every common Linux.
const TICKS: f64 = 100.0;

/// The fields of `/proc/PID/stat` after the name: state, parent and so on.
fn stat(process: &str) -> Vec<i64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.map(|field| field.parse().unwrap_or_default()).collect()
}

/// The sum of some of these fields in seconds.
fn seconds(stat: &[i64], fields: &[usize]) -> f64 {
    let ticks: i64 = fields.iter().filter_map(|field| stat.get(*field)).sum();
    ticks as f64 / TICKS
}

/// Returns the processor time that this process has used, in seconds.
pub fn of_process() -> f64 {
    seconds(&stat("self"), &[11, 12])
}

/// Returns the processor time that this thread has used, in seconds.
pub fn of_thread() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 =
        text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or_default();
    nanoseconds / 1e9
}

/// A PostgreSQL server on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Server(u32);

impl Server {
    /// Returns the server of a backend with this process id; `None` if it is not on this machine.
    pub fn of_backend(backend: u32) -> Option<Self> {
        let name = fs::read_to_string(format!("/proc/{backend}/comm")).ok()?;
        let server = *stat(&backend.to_string()).get(1)?;
        name.starts_with("postgres").then_some(Self(u32::try_from(server).ok()?))
    }

    /// Returns the processor time that all its processes have used, in seconds: those that run,
    /// and those that have ended.
    pub fn seconds(self) -> f64 {
        let own = seconds(&stat(&self.0.to_string()), &[11, 12, 13, 14]);
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().into_string().ok());
        let backends = numbers.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let used = backends.map(|process| {
            let stat = stat(&process);
            let is_backend = stat.get(1) == Some(&i64::from(self.0));
            if is_backend { seconds(&stat, &[11, 12]) } else { 0.0 }
        });
        own + used.sum::<f64>()
    }
}
