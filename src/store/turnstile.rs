//! A lock whose waiters are served in the order in which they came. SQLite has one writer; a plain mutex would let a
//! thread that writes all the time take it again before the others have woken.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets one thread through at a time, in order.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    numbers: Mutex<Numbers>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Numbers {
    next: u64,
    serving: u64,
}

/// The turn; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t>(&'t Turnstile);

impl Turnstile {
    /// Waits for all that came before.
    pub(super) fn wait(&self) -> Turn<'_> {
        let mut numbers = self.numbers();
        let mine = numbers.next;
        numbers.next += 1;
        while numbers.serving != mine {
            numbers = self.moved.wait(numbers).unwrap_or_else(PoisonError::into_inner);
        }
        Turn(self)
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.numbers().serving += 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn waiters_are_served_in_order_and_before_those_who_come_again() {
        let turnstile = Arc::new(Turnstile::default());
        let first = turnstile.wait();
        let (served, order) = channel();
        let mut threads = Vec::new();
        for number in 0..8 {
            let (turnstile, served) = (turnstile.clone(), served.clone());
            let waiting = turnstile.numbers().next;
            let stile = turnstile.clone();
            threads.push(std::thread::spawn(move || {
                let _turn = turnstile.wait();
                served.send(number).unwrap();
            }));
            while stile.numbers().next == waiting {
                std::thread::yield_now();
            }
        }
        drop(first);
        let _again = turnstile.wait();
        drop(served);
        assert_eq!(order.iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_thread_that_panics_gives_its_turn_back() {
        let turnstile = Arc::new(Turnstile::default());
        let stile = turnstile.clone();
        let panicked = std::thread::spawn(move || {
            let _turn = stile.wait();
            panic!("in its turn");
        })
        .join();
        assert!(panicked.is_err());
        drop(turnstile.wait());
    }
}
