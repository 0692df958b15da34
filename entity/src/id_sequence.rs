//! Reproducible identifiers, for example data only: the same work gives the same identifiers.

use std::{cell::Cell, future::poll_fn, pin::pin};

use uuid::{Builder, Uuid};

/// Time in the first identifier of a sequence, in milliseconds of Unix time: 2020-01-01, before
/// every identifier that was made at its time.
const FIRST_MILLISECOND: u64 = 1_577_836_800_000;

thread_local! {
    /// Number of the next identifier while a [`reproducible`] future is polled on this thread.
    static NEXT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs the future with identifiers that depend only on their order: the first one that it makes
/// is the same at every start, and so on. Work that it spawns on other tasks is not included.
///
/// Two such futures make the same identifiers, so that one database may see only one of them.
pub async fn reproducible<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut next = Some(0);
    poll_fn(move |context| {
        let outside = NEXT.replace(next);
        let polled = work.as_mut().poll(context);
        next = NEXT.replace(outside);
        polled
    })
    .await
}

/// Returns the next identifier of the sequence that this thread works on; `None` if it works on
/// none.
pub(crate) fn next() -> Option<Uuid> {
    let number = NEXT.get()?;
    NEXT.set(Some(number + 1));
    Some(of_number(number))
}

/// Returns the identifier with this number: a UUID of version 7, later ones sort later.
fn of_number(number: u64) -> Uuid {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    Builder::from_unix_timestamp_millis(FIRST_MILLISECOND + number, &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::id::MemberId;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("the work waits"),
        }
    }

    #[test]
    fn a_sequence_is_the_same_each_time_and_ends_with_its_work() {
        let two = || run(reproducible(async { [MemberId::new(), MemberId::new()] }));
        let [first, second] = two();
        assert!(first < second && second < MemberId::new());
        assert_eq!(two(), [first, second]);
        assert_eq!((first.0.get_version_num(), second.0.get_version_num()), (7, 7));
        assert_ne!(MemberId::new(), MemberId::new());
        assert_eq!(next(), None);
    }
}
