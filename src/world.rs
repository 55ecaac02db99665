//! The only door to time and randomness.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::moment::Moment;

/// What the service may know of the outside world.
pub trait World: Send + Sync + std::fmt::Debug {
    /// The current instant.
    fn now(&self) -> Moment;

    /// Fills a buffer with unpredictable bytes from the operating system.
    fn fill(&self, bytes: &mut [u8]);

    /// An array of unpredictable bytes.
    fn bytes<const N: usize>(&self) -> [u8; N]
    where
        Self: Sized,
    {
        random(self)
    }
}

/// An array of unpredictable bytes from any world.
pub fn random<const N: usize>(world: &(impl World + ?Sized)) -> [u8; N] {
    let mut bytes = [0; N];
    world.fill(&mut bytes);
    bytes
}

/// The machine's clock and random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealWorld;

impl World for RealWorld {
    fn now(&self) -> Moment {
        Moment::from_micros(chrono::Utc::now().timestamp_micros())
    }

    fn fill(&self, bytes: &mut [u8]) {
        os_random(bytes);
    }
}

/// A clock that stands still until it is turned, with the machine's random source: for tests, and for writing the
/// demo's year of history through the ordinary use cases.
#[derive(Debug)]
pub struct TurnedWorld(AtomicI64);

impl TurnedWorld {
    /// Starts at an instant.
    pub const fn starting(at: Moment) -> Self {
        Self(AtomicI64::new(at.micros()))
    }

    /// Turns the clock to an instant, forwards or backwards.
    pub fn turn_to(&self, at: Moment) {
        self.0.store(at.micros(), Ordering::SeqCst);
    }
}

impl World for TurnedWorld {
    fn now(&self) -> Moment {
        Moment::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        os_random(bytes);
    }
}

fn os_random(bytes: &mut [u8]) {
    // Without randomness there are no keys, nonces or ids: nothing safe is left to do.
    if getrandom::fill(bytes).is_err() {
        std::process::abort();
    }
}
